/* SPDX-License-Identifier: BSD-2-Clause
 * What the tests of the colour pipeline share: random numbers, formats, the standards' formulas in double. */
#ifndef IMAGE_CASE_H
#define IMAGE_CASE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/isa.h"
#include "image/image.h"

static const int32_t cpus[] = {
#define CZ_SET(name, NAME, needs) COLORIZER_CPU_##NAME,
#include "kernels/sets.def"
#undef CZ_SET
};

static uint64_t random_state = 1;

static inline uint32_t random_u32(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 16);
}

static inline float random_in(float low, float high) {
    return low + (high - low) * (float)(random_u32() & 0xFFFFFF) / 16777215.0f;
}

static inline void *get(size_t bytes) {
    void *p = aligned_alloc(64, (bytes + 64) / 64 * 64);
    assert_non_null(p);
    memset(p, 0, (bytes + 64) / 64 * 64);
    return p;
}

/* IEC 61966-2-1 */
static inline double to_light(double v, bool linear) {
    return linear ? v : v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}
static inline double from_light(double v, bool linear) {
    return linear ? v : v <= 0.0031308 ? v * 12.92 : 1.055 * pow(v, 1 / 2.4) - 0.055;
}
/* CIE 15:2004 */
static inline double lab_f(double t) { return t > pow(24.0 / 116, 3) ? cbrt(t) : 841.0 / 108 * t + 16.0 / 116; }

static inline size_t sample_bytes(int32_t format) { return (size_t)1 << ((format & 0xFF) - 1); }
static inline size_t channels_of(int32_t format) {
    static const size_t channels[] = {0, 1, 2, 3, 4, 3, 4};
    return channels[format >> 8];
}
/** The largest code; 1 for f32. */
static inline double top_of(int32_t format) { return (format & 0xFF) == 1 ? 255 : (format & 0xFF) == 2 ? 65535 : 1; }

/** Channel `c` in memory order of a pixel, 0..1, clamped as the header says. */
static inline double sample_at(const void *pixel, int32_t format, size_t c) {
    if ((format & 0xFF) == 1) return ((const uint8_t *)pixel)[c] / 255.0;
    if ((format & 0xFF) == 2) return ((const uint16_t *)pixel)[c] / 65535.0;
    const double v = (double)((const float *)pixel)[c];
    return v > 0 ? (v < 1 ? v : 1) : 0;
}

/** Linear luminance of a pixel. */
static inline double luminance_at(const void *pixel, int32_t format, bool linear) {
    if (channels_of(format) < 3) return to_light(sample_at(pixel, format, 0), linear);
    const size_t red = format >> 8 >= 5 ? 2 : 0;
    return 0.2126 * to_light(sample_at(pixel, format, red), linear) +
           0.7152 * to_light(sample_at(pixel, format, 1), linear) +
           0.0722 * to_light(sample_at(pixel, format, 2 - red), linear);
}

static inline colorizer_image image_of(void *data, int32_t format, int32_t width, int32_t height, int64_t stride) {
    colorizer_image m = {.struct_size = sizeof m, .format = format, .width = width, .height = height};
    const uint64_t row = (uint64_t)width * channels_of(format) * sample_bytes(format);
    m.data[0] = data;
    m.stride[0] = stride == 0 ? (int64_t)row : stride;
    m.size[0] = (uint64_t)(height - 1) * (uint64_t)(m.stride[0] < 0 ? -m.stride[0] : m.stride[0]) + row;
    return m;
}

static inline cz_pixels checked(const colorizer_image *m, enum cz_image_role role) {
    cz_pixels p;
    cz_error err;
    if (cz_image_check(m, role, "image", &p, &err) != COLORIZER_OK) fail_msg("%s", err.text);
    return p;
}

/** `cpu` COLORIZER_CPU_BEST: whatever this machine runs best. */
static inline cz_color_job job_of(int32_t cpu, const cz_color_tables *tables, const cz_exec *exec, uint32_t width,
                                  uint32_t height, uint32_t short_side) {
    cz_color_job job = {
        .k = cz_color(cpu == COLORIZER_CPU_BEST ? cz_cpu_choose(cpu) : cpu), .tables = tables, .exec = exec};
    cz_grid_init(&job.grid, width, height, short_side, 32, 4);
    return job;
}

#endif
