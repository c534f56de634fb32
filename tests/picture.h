/* SPDX-License-Identifier: BSD-2-Clause
 * Pictures for tests: descriptors on memory, and patterns to fill it with. */
#ifndef TESTS_PICTURE_H
#define TESTS_PICTURE_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <colorizer/colorizer.h>

static const int32_t all_formats[] = {COLORIZER_GRAY_U8,   COLORIZER_GRAY_U16,  COLORIZER_GRAY_F32, COLORIZER_GRAYA_U8,
                                      COLORIZER_GRAYA_U16, COLORIZER_GRAYA_F32, COLORIZER_RGB_U8,   COLORIZER_RGB_U16,
                                      COLORIZER_RGB_F32,   COLORIZER_RGBA_U8,   COLORIZER_RGBA_U16, COLORIZER_RGBA_F32,
                                      COLORIZER_BGR_U8,    COLORIZER_BGR_U16,   COLORIZER_BGR_F32,  COLORIZER_BGRA_U8,
                                      COLORIZER_BGRA_U16,  COLORIZER_BGRA_F32};
enum { FORMATS = sizeof all_formats / sizeof *all_formats };

static inline int32_t format_channels(int32_t format) {
    static const int32_t channels[] = {0, 1, 2, 3, 4, 3, 4};
    return channels[format >> 8];
}
static inline int32_t format_sample(int32_t format) { return (format & 255) == 3 ? 4 : format & 255; }
static inline int32_t format_bytes(int32_t format) { return format_channels(format) * format_sample(format); }
static inline bool format_is_gray(int32_t format) { return format >> 8 <= 2; }

/** A dense picture of zeros; data is malloc'ed and the caller's. */
static inline colorizer_image picture_make(int32_t format, int32_t width, int32_t height) {
    colorizer_image p = {.struct_size = sizeof p, .format = format, .width = width, .height = height};
    p.stride[0] = (int64_t)width * format_bytes(format);
    p.size[0] = (uint64_t)p.stride[0] * (uint64_t)height;
    p.data[0] = calloc(1, (size_t)p.size[0]);
    return p;
}

/** Writes sample `i` of a row as a value 0..1. */
static inline void picture_put(unsigned char *row, int32_t format, size_t i, double value) {
    if ((format & 255) == 1) row[i] = (uint8_t)lrint(value * 255);
    if ((format & 255) == 2) ((uint16_t *)(void *)row)[i] = (uint16_t)lrint(value * 65535);
    if ((format & 255) == 3) ((float *)(void *)row)[i] = (float)value;
}

/** Fills a dense picture with a scene of smooth ramps and hard edges, the same in every format. */
static inline void picture_scene(const colorizer_image *p) {
    const int32_t channels = format_channels(p->format);
    for (int32_t y = 0; y < p->height; y++)
        for (int32_t x = 0; x < p->width; x++)
            for (int32_t c = 0; c < channels; c++) {
                const bool box = (x / 17 + y / 13) % 3 == 0;
                double v = 0.5 + 0.3 * sin(x * 0.11) * cos(y * 0.07) + (box ? 0.18 : -0.15);
                if (channels >= 3 && c < 3) v *= 1.0 - 0.1 * c;
                if (channels % 2 == 0 && c == channels - 1) v = (x + y) % 256 / 255.0;
                picture_put((unsigned char *)p->data[0] + y * p->stride[0], p->format, (size_t)(x * channels + c),
                            v < 0   ? 0
                            : v > 1 ? 1
                                    : v);
            }
}

static inline colorizer_image picture_scene_make(int32_t format, int32_t width, int32_t height) {
    const colorizer_image p = picture_make(format, width, height);
    picture_scene(&p);
    return p;
}

#endif
