/* SPDX-License-Identifier: BSD-2-Clause */
#include "tiny_model.h"

#include <math.h>
#include <stdlib.h>

#include "model_builder.h"

enum { BINS = 11 };

static mb_tensor values(mb_model *m, const char *name, uint32_t rows, uint32_t columns, const float *data) {
    return mb_block(m, name, CZ_F32, (cz_shape){{1, 1, rows, columns}}, data);
}

static mb_tensor conv(mb_model *m, mb_tensor x, uint32_t cout, uint32_t k, uint32_t cin, int32_t stride) {
    cz_attr a = mb_attr(CZ_OP_conv2d);
    a.conv2d.stride_h = a.conv2d.stride_w = stride;
    a.conv2d.pad_top = a.conv2d.pad_left = a.conv2d.pad_bottom = a.conv2d.pad_right = (int32_t)k / 2;
    a.conv2d.act = k > 1 ? CZ_ACT_SILU : CZ_ACT_NONE;
    const mb_tensor bias =
        mb_vector(m, "", cout); /* not as arguments: values follow from the order, compilers choose it */
    return mb_op3(m, CZ_OP_conv2d, &a, x, mb_constant(m, "", CZ_F32, cout, k, k, cin), bias);
}

/** mb_constant's values are small: the gain makes logits that differ enough to show colour. */
static mb_tensor gain(mb_model *m, mb_tensor x, float factor) {
    const cz_attr a = mb_attr(CZ_OP_mul);
    return mb_op3(m, CZ_OP_mul, &a, x, values(m, "", 1, 1, &factor), CZ_NO_TENSOR);
}

static void colour_constants(mb_model *m) {
    float bins[BINS][2], weight[BINS];
    for (int i = 0; i < BINS; i++) {
        bins[i][0] = 50.0f * cosf(6.2831853f * (float)i / BINS);
        bins[i][1] = 50.0f * sinf(6.2831853f * (float)i / BINS);
        weight[i] = 0.1f * (float)i - 0.5f;
    }
    const float vividness[3][2] = {{0, 0}, {1, 1}, {2, 2.5f}}, defaults[3] = {64, 32, 1};
    values(m, "color.bins", BINS, 2, &bins[0][0]);
    values(m, "color.log_weight", 1, BINS, weight);
    values(m, "color.vividness", 3, 2, &vividness[0][0]);
    values(m, "color.default", 1, 3, defaults);
}

static void make(mb_model *m) {
    const mb_tensor x = mb_input(m, "image", 32, 0, 0, 4);
    cz_attr depthwise = mb_attr(CZ_OP_conv2d), attention = mb_attr(CZ_OP_attention), up = mb_attr(CZ_OP_resize),
            norm = mb_attr(CZ_OP_layer_norm), join = mb_attr(CZ_OP_concat);
    depthwise.conv2d.pad_top = depthwise.conv2d.pad_left = depthwise.conv2d.pad_bottom = depthwise.conv2d.pad_right = 1;
    depthwise.conv2d.groups = 12;
    attention.attention.heads = 2;
    attention.attention.scale = 0.4f;
    norm.layer_norm.eps = 1e-5f;
    up.resize.mode = 1;
    up.resize.num_h = up.resize.num_w = 2;
    join.concat.axis = 3;
    const mb_tensor half = conv(m, x, 12, 3, 4, 2);
    const mb_tensor bias = mb_vector(m, "", 12), kernel = mb_constant(m, "", CZ_F16, 12, 3, 3, 1);
    const mb_tensor deep = mb_op3(m, CZ_OP_conv2d, &depthwise, half, kernel, bias);
    const mb_tensor quarter = conv(m, deep, 20, 3, 12, 2), eighth = conv(m, quarter, 24, 3, 20, 2);
    const mb_tensor shift = mb_vector(m, "", 24), scale = mb_vector(m, "", 24);
    const mb_tensor normed = mb_op3(m, CZ_OP_layer_norm, &norm, eighth, scale, shift);
    const mb_tensor seen = mb_op3(m, CZ_OP_attention, &attention, normed, normed, normed);
    const mb_tensor wide = mb_op3(m, CZ_OP_resize, &up, seen, CZ_NO_TENSOR, CZ_NO_TENSOR);
    const mb_tensor both = mb_op3(m, CZ_OP_concat, &join, quarter, wide, CZ_NO_TENSOR);
    mb_output(m, "logits", gain(m, conv(m, both, BINS, 1, 44, 1), 20.0f));
    mb_output(m, "residual", gain(m, conv(m, both, 5, 1, 44, 1), 0.05f));
    colour_constants(m);
    mb_metadata(m, "name", "tiny");
    mb_metadata(m, "accent", "\xc3\xa9");
}

const void *tiny_model(size_t *size) {
    static unsigned char *bytes;
    static size_t length;
    if (bytes == NULL) {
        mb_model *m = calloc(1, sizeof *m);
        if (m == NULL) abort();
        make(m);
        mb_write(m, &bytes, &length);
        mb_free(m);
        free(m);
    }
    *size = length;
    return bytes;
}

colorizer *tiny_open(int32_t cpu, int32_t threads) {
    const colorizer_options options = {.struct_size = sizeof options, .cpu = cpu, .threads = threads};
    size_t size;
    const void *model = tiny_model(&size);
    colorizer *c = NULL;
    if (colorizer_open_memory(&c, model, size, &options) != COLORIZER_OK) abort();
    return c;
}
