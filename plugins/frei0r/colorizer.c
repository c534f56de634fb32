/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The frei0r filter `colorizer`: each frame of a clip in colour, and colours that do not flicker (smooth.h). */
#include <frei0r.h>
#include <stdlib.h>
#include <string.h>

#include <colorizer/colorizer.h>

#include "smooth.h"

/** Pixels rendered at a time: their floats stay in the cache. */
#define STRIP_PIXELS 32768

/** Most frames that are averaged, at smoothing 1. */
#define FRAMES 32

enum { STRENGTH, VIVIDNESS, SMOOTHING, PARAMETERS };

typedef struct {
    colorizer *handle;
    int width, height;
    double value[PARAMETERS];
    double time; /* of the frame before */
    light_codes codes;
    smoother smooth;
    float *strip;
} instance;

static const f0r_param_info_t parameters[PARAMETERS] = {
    {"strength", F0R_PARAM_DOUBLE, "How much of the colour is applied, 0 (gray) .. 1"},
    {"vividness", F0R_PARAM_DOUBLE, "How vivid, 0 (the safe mean of all plausible colours) .. 0.5 (default) .. 1"},
    {"smoothing", F0R_PARAM_DOUBLE, "Frames over which colour is averaged, 0 (none) .. 1 (32), default 0.5"},
};

/* ---------------------------------------------------------------- what the plug-in is */

int f0r_init(void) { return 1; }

void f0r_deinit(void) {}

void f0r_get_plugin_info(f0r_plugin_info_t *info) {
    *info = (f0r_plugin_info_t){.name = "colorizer",
                                .author = "libcolorizer",
                                .plugin_type = F0R_PLUGIN_TYPE_FILTER,
                                .color_model = F0R_COLOR_MODEL_RGBA8888,
                                .frei0r_version = FREI0R_MAJOR_VERSION,
                                .major_version = COLORIZER_VERSION_MAJOR,
                                .minor_version = COLORIZER_VERSION_MINOR,
                                .num_params = PARAMETERS,
                                .explanation = "Colorizes gray film with a neural network"};
}

void f0r_get_param_info(f0r_param_info_t *info, int index) {
    if (index >= 0 && index < PARAMETERS) *info = parameters[index];
}

void f0r_set_param_value(f0r_instance_t given, f0r_param_t value, int index) {
    instance *i = given;
    if (index < 0 || index >= PARAMETERS) return;
    const double v = *(const double *)value;
    i->value[index] = v > 0 ? (v < 1 ? v : 1) : 0; /* NaN becomes 0 */
}

void f0r_get_param_value(f0r_instance_t given, f0r_param_t value, int index) {
    const instance *i = given;
    if (index >= 0 && index < PARAMETERS) *(double *)value = i->value[index];
}

/* ---------------------------------------------------------------- making */

static colorizer_image view(int32_t format, int width, int height, void *data, int sample) {
    const int64_t stride = (int64_t)width * sample;
    return (colorizer_image){.struct_size = sizeof(colorizer_image),
                             .format = format,
                             .width = width,
                             .height = height,
                             .data = {data},
                             .stride = {stride},
                             .size = {(uint64_t)stride * (uint64_t)height}};
}

/** Takes the light of all codes from the library: what it makes of grays without colour. */
static bool fill_codes(instance *i) {
    float gray[512], rgb[512][3];
    for (int c = 0; c < 256; c++) {
        gray[c] = (float)c / 255.0f;
        gray[256 + c] = ((float)c + 0.5f) / 255.0f;
    }
    const colorizer_image src = view(COLORIZER_GRAY_F32, 32, 16, gray, sizeof *gray);
    colorizer_image dst = view(COLORIZER_RGB_F32, 32, 16, rgb, sizeof *rgb);
    dst.transfer = COLORIZER_TRANSFER_LINEAR;
    if (colorizer_set_f(i->handle, COLORIZER_KEY_STRENGTH, 0) != COLORIZER_OK ||
        colorizer_colorize(i->handle, &src, &dst) != COLORIZER_OK)
        return false;
    for (int c = 0; c < 256; c++) {
        i->codes.code[c] = rgb[c][1];
        i->codes.above[c] = rgb[256 + c][1];
    }
    light_codes_finish(&i->codes);
    return true;
}

static int strip_rows(const instance *i) { return i->width < STRIP_PIXELS ? STRIP_PIXELS / i->width : 1; }

void f0r_destruct(f0r_instance_t given) {
    instance *i = given;
    if (i == NULL) return;
    colorizer_close(i->handle);
    smoother_free(&i->smooth);
    free(i->strip);
    free(i);
}

f0r_instance_t f0r_construct(unsigned int width, unsigned int height) {
    if (width == 0 || height == 0 || width > COLORIZER_MAX_SIDE || height > COLORIZER_MAX_SIDE) return NULL;
    instance *i = calloc(1, sizeof *i);
    if (i == NULL) return NULL;
    i->width = (int)width;
    i->height = (int)height;
    i->strip = malloc((size_t)strip_rows(i) * width * 3 * sizeof *i->strip);
    double vividness = 0;
    if (i->strip == NULL || !smoother_make(&i->smooth, i->width, i->height) ||
        colorizer_open(&i->handle, NULL, NULL) != COLORIZER_OK || !fill_codes(i) ||
        colorizer_get_f(i->handle, COLORIZER_KEY_VIVIDNESS, &vividness) != COLORIZER_OK) {
        f0r_destruct(i);
        return NULL;
    }
    i->value[STRENGTH] = 1;
    i->value[VIVIDNESS] = vividness / 2;
    i->value[SMOOTHING] = 0.5;
    return i;
}

/* ---------------------------------------------------------------- frames */

static bool apply_settings(const instance *i) {
    return colorizer_set_f(i->handle, COLORIZER_KEY_STRENGTH, i->value[STRENGTH]) == COLORIZER_OK &&
           colorizer_set_f(i->handle, COLORIZER_KEY_VIVIDNESS, 2 * i->value[VIVIDNESS]) == COLORIZER_OK;
}

/** Renders strips of linear light, and averages them into `out`. */
static bool smooth_frame(instance *i, uint8_t *in, uint8_t *out) {
    const colorizer_image whole = view(COLORIZER_RGBA_U8, i->width, i->height, in, 4);
    if (colorizer_analyze(i->handle, &whole) != COLORIZER_OK) return false;
    smoother_begin(&i->smooth, in, (float)(1 + (FRAMES - 1) * i->value[SMOOTHING]));
    for (int y = 0, rows; y < i->height; y += rows) {
        rows = strip_rows(i) < i->height - y ? strip_rows(i) : i->height - y;
        const size_t at = 4 * (size_t)y * (size_t)i->width;
        const colorizer_image src = view(COLORIZER_RGBA_U8, i->width, rows, in + at, 4);
        colorizer_image dst = view(COLORIZER_RGB_F32, i->width, rows, i->strip, 3 * sizeof *i->strip);
        const colorizer_region part = {.struct_size = sizeof part, .y = y};
        dst.transfer = COLORIZER_TRANSFER_LINEAR;
        if (colorizer_render(i->handle, &src, &dst, &part) != COLORIZER_OK) return false;
        smoother_rows(&i->smooth, &i->codes, y, rows, i->strip, in + at, out + at);
    }
    smoother_end(&i->smooth);
    return true;
}

static bool plain_frame(instance *i, uint8_t *in, uint8_t *out) {
    const colorizer_image src = view(COLORIZER_RGBA_U8, i->width, i->height, in, 4);
    const colorizer_image dst = view(COLORIZER_RGBA_U8, i->width, i->height, out, 4);
    smoother_reset(&i->smooth);
    return colorizer_colorize(i->handle, &src, &dst) == COLORIZER_OK;
}

void f0r_update(f0r_instance_t given, double time, const uint32_t *inframe, uint32_t *outframe) {
    instance *i = given;
    uint8_t *in = (uint8_t *)(uintptr_t)inframe, *out = (uint8_t *)outframe; /* the library only reads its source */
    if (time < i->time) smoother_reset(&i->smooth);                          /* the host went back */
    i->time = time;
    const bool done =
        apply_settings(i) && (i->value[SMOOTHING] > 0 ? smooth_frame(i, in, out) : plain_frame(i, in, out));
    if (done) return;
    smoother_reset(&i->smooth);
    if (in != out) memcpy(out, in, 4 * (size_t)i->width * (size_t)i->height); /* no way to tell the host */
}
