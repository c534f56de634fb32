/* SPDX-License-Identifier: BSD-2-Clause
 * Full-size rows out, and the confidence image. */
#include "image/image.h"

#include <string.h>

enum { CHUNK = 512 }; /* pixels at a time: their floats stay in the first-level cache */

/* ---------------------------------------------------------------- interpolation */

/** Between which of n samples position (i + 0.5) scale - 0.5 lies; ends are held. */
typedef struct {
    size_t first, second;
    float share; /* of the second */
} between;

static between place(size_t i, float scale, size_t n) {
    const float at = ((float)i + 0.5f) * scale - 0.5f, last = (float)(n - 1);
    const float p = at > 0 ? (at < last ? at : last) : 0;
    const size_t first = (size_t)p;
    return (between){first, cz_min(first + 1, n - 1), p - (float)first};
}

/* ---------------------------------------------------------------- alpha */

static float alpha_of(const void *pixels, cz_layout_px px, size_t i) {
    const size_t at = i * px.channels + px.alpha;
    if (px.sample == CZ_SAMPLE_U8) return (float)((const uint8_t *)pixels)[at] / 255.0f;
    if (px.sample == CZ_SAMPLE_U16) return (float)((const uint16_t *)pixels)[at] / 65535.0f;
    const float v = ((const float *)pixels)[at];
    return v > 0 ? (v < 1 ? v : 1.0f) : 0.0f;
}

static void set_sample(void *pixels, enum cz_sample type, size_t at, float v) {
    if (type == CZ_SAMPLE_U8)
        ((uint8_t *)pixels)[at] = (uint8_t)(v * 255.0f + 0.5f);
    else if (type == CZ_SAMPLE_U16)
        ((uint16_t *)pixels)[at] = (uint16_t)(v * 65535.0f + 0.5f);
    else
        ((float *)pixels)[at] = v;
}

/** Alpha of n pixels: the same sample where the types agree (bit for bit), else the nearest of the same share; opaque
 *  where the source has none. */
static void copy_alpha(const void *src, cz_layout_px from, void *dst, cz_layout_px to, size_t n) {
    static const size_t sample_bytes[4] = {0, 1, 2, 4};
    if (to.alpha == 0) return;
    const size_t bytes = sample_bytes[to.sample];
    for (size_t i = 0; i < n; i++) {
        const size_t at = i * to.channels + to.alpha;
        if (from.alpha == 0)
            set_sample(dst, to.sample, at, 1.0f);
        else if (from.sample == to.sample)
            memmove((unsigned char *)dst + at * bytes,
                    (const unsigned char *)src + (i * from.channels + from.alpha) * bytes, bytes);
        else
            set_sample(dst, to.sample, at, alpha_of(src, from, i));
    }
}

/* ---------------------------------------------------------------- rows */

size_t cz_render_scratch(const cz_grid *g) {
    return (4 * (size_t)g->w * sizeof(float) + CZ_ALIGN - 1) & ~(size_t)(CZ_ALIGN - 1);
}

static size_t pixel_bytes(cz_layout_px px) {
    static const size_t sample_bytes[4] = {0, 1, 2, 4};
    return px.channels * sample_bytes[px.sample];
}

/** One row in chunks; each is read whole before it is written, so source and destination may be the same. */
static void render_row(const cz_color_job *job, const cz_pixels *src, const cz_pixels *dst, const cz_frame *frame,
                       size_t y, const float *const *lines, float strength) {
    const cz_color_kernels *k = job->k;
    const float scale = (float)job->grid.w / (float)frame->width;
    const unsigned char *in = cz_row(src, y);
    unsigned char *out = cz_row(dst, y);
    float lum[CHUNK], light[CHUNK], red[CHUNK], green[CHUNK], blue[CHUNK];
    for (size_t x = 0; x < src->width; x += CHUNK) {
        const size_t n = cz_min(CHUNK, src->width - x);
        const void *from = in + x * pixel_bytes(src->px);
        void *to = out + x * pixel_bytes(dst->px);
        k->luminance(job->tables, src->px, from, n, lum);
        k->lightness(lum, n, light);
        k->colour(lines, job->grid.w, scale, frame->x + x, lum, light, strength, n, red, green, blue);
        k->encode(job->tables, dst->px, lum, red, green, blue, n, to);
        copy_alpha(from, src->px, to, dst->px, n);
    }
}

void cz_render_rows(const cz_color_job *job, const cz_pixels *src, const cz_pixels *dst, const cz_frame *frame,
                    const float *fit, float strength, size_t begin, size_t end, void *scratch) {
    const cz_grid *g = &job->grid;
    const float scale = (float)g->h / (float)frame->height;
    float *mixed = scratch;
    const float *lines[4];
    for (size_t j = 0; j < 4; j++) lines[j] = mixed + j * g->w;
    for (size_t y = begin; y < end; y++) {
        const between v = place(frame->y + y, scale, g->h);
        for (size_t j = 0; j < 4; j++) {
            const float *plane = fit + j * g->h * g->w;
            job->k->mix(plane + v.first * g->w, plane + v.second * g->w, v.share, g->w, mixed + j * g->w);
        }
        render_row(job, src, dst, frame, y, lines, strength);
    }
}

/* ---------------------------------------------------------------- confidence */

void cz_confidence(const cz_color_job *job, const float *confidence, const cz_pixels *dst) {
    const cz_grid *g = &job->grid;
    const size_t w = cz_ceil_div(g->w, g->cell), h = cz_ceil_div(g->h, g->cell); /* without padding */
    const float sx = (float)g->w / (float)g->cell / (float)dst->width;
    const float sy = (float)g->h / (float)g->cell / (float)dst->height;
    for (size_t y = 0; y < dst->height; y++) {
        const between v = place(y, sy, h);
        const float *top = confidence + v.first * g->cw, *bottom = confidence + v.second * g->cw;
        for (size_t x = 0; x < dst->width; x++) {
            const between u = place(x, sx, w);
            const float a = top[u.first] + (top[u.second] - top[u.first]) * u.share;
            const float b = bottom[u.first] + (bottom[u.second] - bottom[u.first]) * u.share;
            set_sample(cz_row(dst, y), dst->px.sample, x, a + (b - a) * v.share);
        }
    }
}
