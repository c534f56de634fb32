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

#include "base/half.h"
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

/* IEC 61966-2-1, on both sides of 0 */
static inline double to_light(double v, bool linear) {
    const double size = fabs(v);
    return linear ? v : copysign(size <= 0.04045 ? size / 12.92 : pow((size + 0.055) / 1.055, 2.4), v);
}
static inline double from_light(double v, bool linear) {
    const double size = fabs(v);
    return linear ? v : copysign(size <= 0.0031308 ? size * 12.92 : 1.055 * pow(size, 1 / 2.4) - 0.055, v);
}
/* CIE 15:2004 */
static inline double lab_f(double t) { return t > pow(24.0 / 116, 3) ? cbrt(t) : 841.0 / 108 * t + 16.0 / 116; }

static inline size_t sample_bytes(int32_t format) {
    static const size_t bytes[] = {0, 1, 2, 4, 2};
    return bytes[format & 0xFF];
}
static inline size_t channels_of(int32_t format) {
    static const size_t channels[] = {0, 1, 2, 3, 4, 3, 4};
    return channels[format >> 8];
}
/** The largest code; 1 for floats. */
static inline double top_of(int32_t format) { return (format & 0xFF) == 1 ? 255 : (format & 0xFF) == 2 ? 65535 : 1; }

/** Channel `c` in memory order of a pixel, codes as 0..1, floats made finite as the header says. */
static inline double sample_at(const void *pixel, int32_t format, size_t c) {
    if ((format & 0xFF) == 1) return ((const uint8_t *)pixel)[c] / 255.0;
    if ((format & 0xFF) == 2) return ((const uint16_t *)pixel)[c] / 65535.0;
    const double v =
        (double)((format & 0xFF) == 4 ? cz_half_to_float(((const uint16_t *)pixel)[c]) : ((const float *)pixel)[c]);
    return isfinite(v) ? v : v > 0;
}

/** Light is held within 2^64. */
static inline double light_at(const void *pixel, int32_t format, size_t c, bool linear) {
    return fmax(fmin(to_light(sample_at(pixel, format, c), linear), 0x1p64), -0x1p64);
}

/** Linear luminance of a pixel. */
static inline double luminance_at(const void *pixel, int32_t format, bool linear) {
    if (channels_of(format) < 3) return light_at(pixel, format, 0, linear);
    const size_t red = format >> 8 >= 5 ? 2 : 0;
    return 0.2126 * light_at(pixel, format, red, linear) + 0.7152 * light_at(pixel, format, 1, linear) +
           0.0722 * light_at(pixel, format, 2 - red, linear);
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

/** Lines that give the same a and b everywhere. */
static inline float *flat_lines(const cz_grid *g, float a, float b) {
    const size_t n = (size_t)g->w * g->h;
    float *fit = get(sizeof(float) * cz_fit_size(g));
    for (size_t i = 0; i < n; i++) {
        fit[n + i] = a;
        fit[3 * n + i] = b;
    }
    return fit;
}

/** Slopes and offsets of every size, and what should never come but may. */
static inline float *wild_lines(const cz_grid *g) {
    float *fit = get(sizeof(float) * cz_fit_size(g));
    for (size_t i = 0; i < cz_fit_size(g); i++) {
        fit[i] = random_in(-60, 60);
        if (random_u32() % 97 == 0) fit[i] = random_u32() % 2 ? NAN : INFINITY;
    }
    return fit;
}

static inline void put_random(void *data, int32_t format, size_t samples) {
    static const float odd[] = {0, 1, -0.0f, -1, 2, 1e30f, 1e-30f, NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < samples; i++) {
        const uint32_t r = random_u32();
        if ((format & 0xFF) == 1) ((uint8_t *)data)[i] = (uint8_t)(r % 8 == 0 ? (r >> 8) % 4 : r >> 8);
        if ((format & 0xFF) == 2) ((uint16_t *)data)[i] = (uint16_t)(r % 8 == 0 ? (r >> 8) % 16 : r >> 8);
        if ((format & 0xFF) == 4) ((uint16_t *)data)[i] = (uint16_t)r; /* infinities and NaN among them */
        if ((format & 0xFF) == 3)
            ((float *)data)[i] = r % 8 == 0 ? odd[(r >> 8) % CZ_COUNT(odd)] : random_in(-0.05f, 1.05f);
    }
}

static inline void render_all(const cz_color_job *job, const cz_pixels *src, const cz_pixels *dst, const float *fit,
                              float strength) {
    void *scratch = get(cz_render_scratch(&job->grid));
    const cz_frame whole = {0, 0, src->width, src->height, NULL};
    cz_render_rows(job, src, dst, &whole, fit, strength, 0, src->height, scratch);
    free(scratch);
}

#endif
