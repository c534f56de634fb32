/* SPDX-License-Identifier: BSD-2-Clause
 * The operation colorizer:colorize in a graph of GEGL's, in the library's own pixel format: exactly the library's
 * pixels, whole and in parts, and no more analyses than there are photographs. Run with GEGL_PATH at the module. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>

#include <gegl.h>
#include <colorizer/colorizer.h>

enum { WIDTH = 300, HEIGHT = 200, CHANNELS = 3 };
typedef float picture[HEIGHT][WIDTH][CHANNELS];

static int analyses, failures;

/** Stands before the library's, which it calls. */
int32_t colorizer_analyze(colorizer *c, const colorizer_image *src) {
    int32_t (*next)(colorizer *, const colorizer_image *);
    *(void **)&next = dlsym(RTLD_NEXT, "colorizer_analyze");
    analyses++;
    return next(c, src);
}

static void expect(gboolean good, const char *what) {
    if (!good) failures++;
    g_print("%s %s\n", good ? "ok  " : "FAIL", what);
}

static void draw(picture out) {
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            for (int i = 0; i < CHANNELS; i++)
                out[y][x][i] = 0.05f + 0.9f * (float)((x / 30 + y / 40) % 4) / 4.0f + 0.0002f * (float)(x + y);
}

/** The library's own colours. */
static void colorize(picture photo, picture out, double strength, double vividness) {
    colorizer *c = NULL;
    colorizer_image view = {.struct_size = sizeof view,
                            .format = COLORIZER_RGB_F32,
                            .width = WIDTH,
                            .height = HEIGHT,
                            .transfer = COLORIZER_TRANSFER_LINEAR,
                            .stride = {sizeof photo[0]},
                            .size = {sizeof(picture)}};
    colorizer_image result = view;
    view.data[0] = photo;
    result.data[0] = out;
    expect(colorizer_open(&c, NULL, NULL) == COLORIZER_OK &&
               colorizer_set_f(c, COLORIZER_KEY_STRENGTH, strength) == COLORIZER_OK &&
               colorizer_set_f(c, COLORIZER_KEY_VIVIDNESS, vividness) == COLORIZER_OK &&
               colorizer_colorize(c, &view, &result) == COLORIZER_OK,
           "the library colorizes");
    colorizer_close(c);
}

/** What the node gives for a part, written where the part lies. */
static void blit(GeglNode *node, picture out, int x, int y, int width, int height) {
    const GeglRectangle part = {x, y, width, height};
    gegl_node_blit(node, 1.0, &part, babl_format("RGB float"), &out[y][x], sizeof out[0], GEGL_BLIT_DEFAULT);
}

static picture photo, wanted, got;

static void in_parts(GeglNode *node) {
    memset(got, 0, sizeof got);
    for (int y = 0; y < HEIGHT; y += 70)
        for (int x = 0; x < WIDTH; x += 110) blit(node, got, x, y, MIN(110, WIDTH - x), MIN(70, HEIGHT - y));
}

static void changed_settings(GeglNode *node) {
    gegl_node_set(node, "strength", 0.4, NULL);
    colorize(photo, wanted, 0.4, 1.0);
    blit(node, got, 0, 0, WIDTH, HEIGHT);
    expect(memcmp(got, wanted, sizeof got) == 0, "another strength");
    expect(analyses == 1, "needs no other analysis");

    gegl_node_set(node, "vividness", 0.5, NULL);
    colorize(photo, wanted, 0.4, 0.5);
    blit(node, got, 0, 0, WIDTH, HEIGHT);
    expect(memcmp(got, wanted, sizeof got) == 0, "another vividness");
    expect(analyses == 2, "needs another analysis");
}

int main(int argc, char **argv) {
    gegl_init(&argc, &argv);
    draw(photo);
    colorize(photo, wanted, 1.0, 1.0);
    GeglBuffer *buffer = gegl_buffer_new(GEGL_RECTANGLE(0, 0, WIDTH, HEIGHT), babl_format("RGB float"));
    gegl_buffer_set(buffer, NULL, 0, NULL, photo, GEGL_AUTO_ROWSTRIDE);
    GeglNode *graph = gegl_node_new();
    GeglNode *source = gegl_node_new_child(graph, "operation", "gegl:buffer-source", "buffer", buffer, NULL);
    GeglNode *node = gegl_node_new_child(graph, "operation", "colorizer:colorize", NULL);
    gegl_node_link(source, node);

    in_parts(node);
    expect(memcmp(got, wanted, sizeof got) == 0, "parts");
    blit(node, got, 0, 0, WIDTH, HEIGHT);
    expect(memcmp(got, wanted, sizeof got) == 0, "the whole");
    expect(analyses == 1, "one analysis for both");
    changed_settings(node);

    for (int y = 50; y < 150; y++) memset(photo[y], 0, sizeof photo[y]);
    gegl_buffer_set(buffer, NULL, 0, NULL, photo, GEGL_AUTO_ROWSTRIDE);
    colorize(photo, wanted, 0.4, 0.5);
    in_parts(node);
    expect(memcmp(got, wanted, sizeof got) == 0, "another photograph in the same buffer");
    expect(analyses == 3, "needs one other analysis");

    g_object_unref(graph);
    g_object_unref(buffer);
    gegl_exit();
    return failures != 0;
}
