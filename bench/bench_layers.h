/* SPDX-License-Identifier: BSD-2-Clause
 * The layers that bench_kernels times: the dense and depthwise convolutions, linear layers and attention of the default
 * network and of four others, at 256x256. Read by bench_kernels.c alone. */
typedef struct layer {
    const char *name;
    uint32_t op;
    uint32_t side, in, out; /* of the input; channels */
    uint32_t kernel, stride, dilation, groups;
    uint32_t times; /* how often the network has it */
} layer;

typedef struct network {
    const char *name;
    const layer *layers;
    size_t count;
} network;

#define CONV(name, side, in, out, kernel, stride, times)                                                               \
    { name, CZ_OP_conv2d, side, in, out, kernel, stride, 1, 1, times }
#define DILATED(name, side, in, out, dilation, times)                                                                  \
    { name, CZ_OP_conv2d, side, in, out, 3, 1, dilation, 1, times }
#define DEPTHWISE(name, side, c, kernel, stride, times)                                                                \
    { name, CZ_OP_conv2d, side, c, c, kernel, stride, 1, c, times }
#define TRANSPOSED(name, side, in, out, times)                                                                         \
    { name, CZ_OP_conv_transpose2d, side, in, out, 4, 2, 1, 1, times }
#define ATTENTION(name, side, c, heads, times)                                                                         \
    { name, CZ_OP_attention, side, c, c, 1, 1, 1, heads, times }

static const layer layers_default[] = {
    CONV("stem", 256, 4, 32, 3, 2, 1),
    DEPTHWISE("1 depthwise", 128, 32, 3, 1, 1),
    CONV("1 project", 128, 32, 16, 1, 1, 1),
    CONV("2a expand", 128, 16, 96, 1, 1, 1),
    DEPTHWISE("2a depthwise", 128, 96, 3, 2, 1),
    CONV("2a project", 64, 96, 24, 1, 1, 1),
    CONV("2b expand", 64, 24, 144, 1, 1, 2),
    DEPTHWISE("2b depthwise", 64, 144, 3, 1, 1),
    CONV("2b project", 64, 144, 24, 1, 1, 1),
    DEPTHWISE("3a depthwise", 64, 144, 5, 2, 1),
    CONV("3a project", 32, 144, 40, 1, 1, 1),
    CONV("3b expand", 32, 40, 240, 1, 1, 2),
    DEPTHWISE("3b depthwise", 32, 240, 5, 1, 1),
    CONV("3b project", 32, 240, 40, 1, 1, 1),
    DEPTHWISE("4a depthwise", 32, 240, 3, 2, 1),
    CONV("4a project", 16, 240, 80, 1, 1, 1),
    CONV("4b expand", 16, 80, 480, 1, 1, 3),
    DEPTHWISE("4b depthwise", 16, 480, 3, 1, 2),
    CONV("4b project", 16, 480, 80, 1, 1, 2),
    DEPTHWISE("5a depthwise", 16, 480, 5, 1, 1),
    CONV("5a project", 16, 480, 112, 1, 1, 1),
    CONV("5b expand", 16, 112, 672, 1, 1, 3),
    DEPTHWISE("5b depthwise", 16, 672, 5, 1, 2),
    CONV("5b project", 16, 672, 112, 1, 1, 2),
    DEPTHWISE("6a depthwise", 16, 672, 5, 2, 1),
    CONV("6a project", 8, 672, 192, 1, 1, 1),
    CONV("6b expand", 8, 192, 1152, 1, 1, 4),
    DEPTHWISE("6b depthwise", 8, 1152, 5, 1, 3),
    CONV("6b project", 8, 1152, 192, 1, 1, 3),
    DEPTHWISE("7 depthwise", 8, 1152, 3, 1, 1),
    CONV("7 project", 8, 1152, 320, 1, 1, 1),
    CONV("proj32", 8, 325, 192, 1, 1, 1),
    CONV("192 at 8", 8, 192, 192, 1, 1, 8),
    CONV("192-384 at 8", 8, 192, 384, 1, 1, 2),
    CONV("384-192 at 8", 8, 384, 192, 1, 1, 2),
    ATTENTION("attention 32", 8, 192, 6, 2),
    CONV("up16", 8, 192, 96, 1, 1, 1),
    CONV("merge16", 16, 213, 96, 3, 1, 1),
    CONV("96 at 16", 16, 96, 96, 1, 1, 4),
    CONV("96-192 at 16", 16, 96, 192, 1, 1, 1),
    CONV("192-96 at 16", 16, 192, 96, 1, 1, 1),
    ATTENTION("attention 16", 16, 96, 3, 1),
    CONV("up8", 16, 96, 64, 1, 1, 1),
    CONV("merge8", 32, 109, 80, 3, 1, 1),
    CONV("up4", 32, 80, 48, 1, 1, 1),
    CONV("merge4", 64, 77, 48, 3, 1, 1),
    CONV("refine4", 64, 48, 48, 3, 1, 1),
    CONV("logits", 64, 48, 210, 1, 1, 1),
};

static const layer layers_eccv16[] = {
    CONV("1a 1-64", 256, 1, 64, 3, 1, 1),           CONV("1b 64 stride 2", 256, 64, 64, 3, 2, 1),
    CONV("2a 64-128", 128, 64, 128, 3, 1, 1),       CONV("2b 128 stride 2", 128, 128, 128, 3, 2, 1),
    CONV("3a 128-256", 64, 128, 256, 3, 1, 1),      CONV("3b 256", 64, 256, 256, 3, 1, 1),
    CONV("3c 256 stride 2", 64, 256, 256, 3, 2, 1), CONV("4a 256-512", 32, 256, 512, 3, 1, 1),
    CONV("4, 7 512", 32, 512, 512, 3, 1, 5),        DILATED("5, 6 512 by 2", 32, 512, 512, 2, 6),
    TRANSPOSED("8a 512-256", 32, 512, 256, 1),      CONV("8 256", 64, 256, 256, 3, 1, 2),
    CONV("8 256-313", 64, 256, 313, 1, 1, 1),
};

static const layer layers_siggraph17[] = {
    CONV("1a 4-64", 256, 4, 64, 3, 1, 1),         CONV("1b 64", 256, 64, 64, 3, 1, 1),
    CONV("2a 64-128", 128, 64, 128, 3, 1, 1),     CONV("2b, 9 128", 128, 128, 128, 3, 1, 3),
    CONV("3a 128-256", 64, 128, 256, 3, 1, 1),    CONV("3, 8 256", 64, 256, 256, 3, 1, 5),
    CONV("4a 256-512", 32, 256, 512, 3, 1, 1),    CONV("4, 7 512", 32, 512, 512, 3, 1, 5),
    DILATED("5, 6 512 by 2", 32, 512, 512, 2, 6), TRANSPOSED("8a 512-256", 32, 512, 256, 1),
    TRANSPOSED("9a 256-128", 64, 256, 128, 1),    TRANSPOSED("10a 128-128", 128, 128, 128, 1),
    CONV("10 64-128", 256, 64, 128, 3, 1, 1),     CONV("10 128", 256, 128, 128, 3, 1, 1),
    CONV("10 128-2", 256, 128, 2, 1, 1, 1),
};

static const layer layers_deoldify[] = {
    CONV("stem 7x7", 256, 3, 64, 7, 2, 1),
    CONV("64 at 64", 64, 64, 64, 3, 1, 6),
    CONV("64-128 stride 2", 64, 64, 128, 3, 2, 1),
    CONV("128 at 32", 32, 128, 128, 3, 1, 7),
    CONV("128-256 stride 2", 32, 128, 256, 3, 2, 1),
    CONV("256 at 16", 16, 256, 256, 3, 1, 11),
    CONV("256-512 stride 2", 16, 256, 512, 3, 2, 1),
    CONV("512 at 8", 8, 512, 512, 3, 1, 5),
    CONV("512-1024 at 8", 8, 512, 1024, 3, 1, 1),
    CONV("1024-512 at 8", 8, 1024, 512, 3, 1, 1),
    CONV("512-768 at 16", 16, 512, 768, 3, 1, 1),
    CONV("768 at 16", 16, 768, 768, 3, 1, 1),
    CONV("shuffle 768-1536", 16, 768, 1536, 1, 1, 1),
    CONV("512-768 at 32", 32, 512, 768, 3, 1, 1),
    CONV("768 at 32", 32, 768, 768, 3, 1, 1),
    CONV("shuffle 768-1536", 32, 768, 1536, 1, 1, 1),
    CONV("448-672 at 64", 64, 448, 672, 3, 1, 1),
    CONV("672 at 64", 64, 672, 672, 3, 1, 1),
    CONV("shuffle 672-1344", 64, 672, 1344, 1, 1, 1),
    CONV("400-300 at 128", 128, 400, 300, 3, 1, 1),
    CONV("300 at 128", 128, 300, 300, 3, 1, 1),
    CONV("shuffle 300-1200", 128, 300, 1200, 1, 1, 1),
    CONV("303 at 256", 256, 303, 303, 3, 1, 2),
    CONV("303-3 at 256", 256, 303, 3, 1, 1, 1),
};

static const layer layers_convnext[] = {
    CONV("stem", 256, 1, 32, 3, 2, 1),        CONV("down 32-64", 128, 32, 64, 2, 2, 1),
    DEPTHWISE("7x7 64", 64, 64, 7, 1, 3),     CONV("64-256", 64, 64, 256, 1, 1, 3),
    CONV("256-64", 64, 256, 64, 1, 1, 3),     CONV("down 64-128", 64, 64, 128, 2, 2, 1),
    DEPTHWISE("7x7 128", 32, 128, 7, 1, 6),   CONV("128-512", 32, 128, 512, 1, 1, 6),
    CONV("512-128", 32, 512, 128, 1, 1, 6),   CONV("down 128-256", 32, 128, 256, 2, 2, 1),
    DEPTHWISE("7x7 256", 16, 256, 7, 1, 6),   CONV("256-1024", 16, 256, 1024, 1, 1, 6),
    CONV("1024-256", 16, 1024, 256, 1, 1, 6), CONV("up 256-128", 16, 256, 128, 1, 1, 1),
    CONV("up 128-64", 32, 128, 64, 1, 1, 1),  CONV("up 64-32", 64, 64, 32, 1, 1, 1),
    CONV("head 32", 128, 32, 32, 3, 1, 1),    CONV("head 32-16", 128, 32, 16, 3, 1, 1),
    CONV("head 16-2", 256, 16, 2, 3, 1, 1),
};

/* in none of them as it stands */
static const layer layers_other[] = {
    CONV("3x3 128", 64, 128, 128, 3, 1, 1),
    CONV("3x3 1024", 16, 1024, 1024, 3, 1, 1),
    DILATED("128 by 3", 64, 128, 128, 3, 1),
    TRANSPOSED("transposed 256-128", 32, 256, 128, 1),
    {"linear 1024", CZ_OP_linear, 16, 1024, 1024, 1, 1, 1, 1, 1},
};

#define NETWORK(name)                                                                                                  \
    { #name, layers_##name, CZ_COUNT(layers_##name) }
static const network networks[] = {NETWORK(default),  NETWORK(eccv16),   NETWORK(siggraph17),
                                   NETWORK(deoldify), NETWORK(convnext), NETWORK(other)};
