/* SPDX-License-Identifier: BSD-2-Clause
 * Pixels of every format in and out of the loops of kernels/color.h, which know u8, u16 and f32. */
#include "base/half.h"
#include "image/image.h"

/** f16 as f32: the layout of the copy that the loops work on. */
static cz_layout_px as_floats(cz_layout_px px) {
    px.sample = CZ_SAMPLE_F32;
    return px;
}

static const void *pixel_at(const cz_pixels *p, size_t x, size_t y) { return cz_row(p, y) + x * cz_pixel_bytes(p->px); }

void cz_read_luminance(const cz_color_job *job, const cz_pixels *src, size_t x, size_t y, size_t n, float *lum) {
    const size_t channels = src->px.channels;
    float wide[4 * CZ_CHUNK];
    if (src->px.sample != CZ_SAMPLE_F16) {
        job->k->luminance(job->tables, src->px, pixel_at(src, x, y), n, lum);
        return;
    }
    for (size_t i = 0; i < n; i += CZ_CHUNK) {
        const size_t count = cz_min(CZ_CHUNK, n - i);
        const uint16_t *half = pixel_at(src, x + i, y);
        for (size_t k = 0; k < count * channels; k++) wide[k] = cz_half_to_float(half[k]);
        job->k->luminance(job->tables, as_floats(src->px), wide, count, lum + i);
    }
}

void cz_read_mask(const cz_color_job *job, const cz_pixels *mask, size_t x, size_t y, size_t n, float *amount) {
    cz_read_luminance(job, mask, x, y, n, amount);
    for (size_t i = 0; i < n; i++) amount[i] = amount[i] > 0 ? (amount[i] < 1 ? amount[i] : 1.0f) : 0.0f;
}

/* ---------------------------------------------------------------- writing */

static float sample_of(const void *row, cz_layout_px px, size_t at) {
    if (px.sample == CZ_SAMPLE_U8) return (float)((const uint8_t *)row)[at] / 255.0f;
    if (px.sample == CZ_SAMPLE_U16) return (float)((const uint16_t *)row)[at] / 65535.0f;
    if (px.sample == CZ_SAMPLE_F16) return cz_half_to_float(((const uint16_t *)row)[at]);
    return ((const float *)row)[at];
}

void cz_set_sample(void *row, cz_layout_px px, size_t at, float value) {
    const float v = value > 0 ? (value < 1 ? value : 1.0f) : 0.0f;
    if (px.sample == CZ_SAMPLE_U8)
        ((uint8_t *)row)[at] = (uint8_t)(v * 255.0f + 0.5f);
    else if (px.sample == CZ_SAMPLE_U16)
        ((uint16_t *)row)[at] = (uint16_t)(v * 65535.0f + 0.5f);
    else if (px.sample == CZ_SAMPLE_F16)
        ((uint16_t *)row)[at] = cz_half_from_float(value);
    else
        ((float *)row)[at] = value;
}

/** Alpha of n pixels: the same sample where the types agree (bit for bit), else the nearest of the same share; opaque
 *  where the source has none. */
static void copy_alpha(const void *src, cz_layout_px from, void *dst, cz_layout_px to, size_t n) {
    const size_t bytes = cz_sample_bytes(to);
    const unsigned char *in = src;
    unsigned char *out = dst;
    if (to.alpha == 0) return;
    for (size_t i = 0; i < n; i++) {
        const size_t at = i * to.channels + to.alpha, source = i * from.channels + from.alpha;
        if (from.alpha == 0)
            cz_set_sample(dst, to, at, 1.0f);
        else if (from.sample == to.sample)
            memmove(out + at * bytes, in + source * bytes, bytes);
        else
            cz_set_sample(dst, to, at, sample_of(src, from, source));
    }
}

/** By way of f32: red, green and blue only, as alpha is there and keeps its bits. */
static void write_halves(const cz_color_job *job, void *to, cz_layout_px px, size_t n, const float *lum,
                         float (*rgb)[CZ_CHUNK]) {
    const uint8_t index[3] = {px.red, px.green, px.blue};
    float wide[4 * CZ_CHUNK];
    copy_alpha(to, px, wide, as_floats(px), n);
    job->k->encode(job->tables, as_floats(px), lum, rgb[0], rgb[1], rgb[2], n, wide);
    for (size_t i = 0; i < n * px.channels; i += px.channels)
        for (size_t k = 0; k < 3; k++) ((uint16_t *)to)[i + index[k]] = cz_half_from_float(wide[i + index[k]]);
}

void cz_write_pixels(const cz_color_job *job, const cz_pixels *src, const cz_pixels *dst, size_t x, size_t y, size_t n,
                     const float *lum, float (*rgb)[CZ_CHUNK]) {
    const void *from = pixel_at(src, x, y);
    void *to = cz_row(dst, y) + x * cz_pixel_bytes(dst->px);
    copy_alpha(from, src->px, to, dst->px, n);
    if (dst->px.sample == CZ_SAMPLE_F16)
        write_halves(job, to, dst->px, n, lum, rgb);
    else
        job->k->encode(job->tables, dst->px, lum, rgb[0], rgb[1], rgb[2], n, to);
}
