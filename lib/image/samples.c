/* SPDX-License-Identifier: BSD-2-Clause
 * Pixels of every format in and out of the loops of kernels/color.h, which know u8, u16 and f32. */
#include "base/half.h"
#include "image/image.h"

/** f16 and luma as f32: the layout of the copy that the loops work on. */
static cz_layout_px as_floats(cz_layout_px px) {
    px.sample = CZ_SAMPLE_F32;
    return px;
}

static const void *pixel_at(const cz_pixels *p, size_t x, size_t y) { return cz_row(p, y) + x * cz_pixel_bytes(p->px); }

/** Luma below black and above white is what it says: a float beyond 0..1. */
static float sample_of_luma(const cz_pixels *p, uint8_t luma) {
    return p->kind == CZ_KIND_NV12 ? ((float)luma - 16.0f) / 219.0f : (float)luma / 255.0f;
}

void cz_read_luminance(const cz_color_job *job, const cz_pixels *src, size_t x, size_t y, size_t n, float *lum) {
    const size_t channels = src->px.channels;
    float wide[4 * CZ_CHUNK];
    const bool video = src->kind == CZ_KIND_NV12 || src->kind == CZ_KIND_NV12_FULL;
    if (src->px.sample != CZ_SAMPLE_F16 && !video) {
        job->k->luminance(job->tables, src->px, pixel_at(src, x, y), n, lum);
        return;
    }
    for (size_t i = 0; i < n; i += CZ_CHUNK) {
        const size_t count = cz_min(CZ_CHUNK, n - i);
        const void *from = pixel_at(src, x + i, y);
        for (size_t k = 0; k < count * channels; k++)
            wide[k] =
                video ? sample_of_luma(src, ((const uint8_t *)from)[k]) : cz_half_to_float(((const uint16_t *)from)[k]);
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

void cz_write_ab(const cz_pixels *dst, size_t x, size_t y, size_t n, float (*rgb)[CZ_CHUNK]) {
    memcpy(cz_row(dst, y) + x * sizeof(float), rgb[0], n * sizeof(float));
    memcpy(cz_second_row(dst, y) + x * sizeof(float), rgb[1], n * sizeof(float));
}

static uint8_t code_of(float v) { return (uint8_t)(v > 0 ? (v < 255 ? v + 0.5f : 255.0f) : 0.0f); }

/** Luma is the sample of the luminance, so that it is the photograph's own; blue and red less luma, as BT.709 and
 * BT.2020 scale them, are averaged over the block. */
void cz_write_nv12(const cz_color_job *job, const cz_pixels *dst, size_t x, size_t y, size_t rows, size_t n,
                   float (*lum)[CZ_CHUNK], float (*rgb)[3][CZ_CHUNK]) {
    const cz_layout_px px = {.sample = CZ_SAMPLE_F32,
                             .channels = 3,
                             .green = 1,
                             .blue = 2,
                             .transfer = dst->px.transfer,
                             .gamma = dst->px.gamma,
                             .curve = dst->px.curve,
                             .curve_size = dst->px.curve_size};
    const bool full = dst->kind == CZ_KIND_NV12_FULL;
    const float black = full ? 0.0f : 16.0f, luma = full ? 255.0f : 219.0f, chroma = full ? 255.0f : 224.0f;
    const float cb = chroma / (2.0f - 2.0f * dst->px.primaries.weight[2]);
    const float cr = chroma / (2.0f - 2.0f * dst->px.primaries.weight[0]);
    float samples[2][3 * CZ_CHUNK];
    for (size_t r = 0; r < rows; r++) { /* luma in the place of green */
        job->k->encode(job->tables, px, lum[r], rgb[r][0], lum[r], rgb[r][2], n, samples[r]);
        for (size_t i = 0; i < n && dst->top != NULL; i++)
            cz_row(dst, y + r)[x + i] = code_of(black + luma * samples[r][3 * i + 1]);
    }
    uint8_t *out = cz_second_row(dst, y / 2) + x;
    for (size_t i = 0; i < n; i += 2) {
        float blue = 0, red = 0, count = 0;
        for (size_t r = 0; r < rows; r++)
            for (size_t k = 3 * i; k < 3 * n && k < 3 * i + 6; k += 3) {
                red += samples[r][k] - samples[r][k + 1];
                blue += samples[r][k + 2] - samples[r][k + 1];
                count += 1;
            }
        out[i] = code_of(128.0f + cb * (blue / count));
        out[i + 1] = code_of(128.0f + cr * (red / count));
    }
}
