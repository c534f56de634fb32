/* SPDX-License-Identifier: BSD-2-Clause
 * Full-size rows out, and the confidence image. */
#include "image/image.h"

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

/* ---------------------------------------------------------------- rows */

size_t cz_render_scratch(const cz_grid *g) {
    return (4 * (size_t)g->w * sizeof(float) + CZ_ALIGN - 1) & ~(size_t)(CZ_ALIGN - 1);
}

/** One row in chunks; each is read whole before it is written, so source and destination may be the same. */
static void render_row(const cz_color_job *job, const cz_pixels *src, const cz_pixels *dst, const cz_frame *frame,
                       size_t y, const float *const *lines, float strength) {
    const float scale = (float)job->grid.w / (float)frame->width;
    float lum[CZ_CHUNK], light[CZ_CHUNK], amount[CZ_CHUNK], rgb[3][CZ_CHUNK];
    for (size_t i = 0; i < CZ_CHUNK; i++) amount[i] = strength;
    for (size_t x = 0; x < src->width; x += CZ_CHUNK) {
        const size_t n = cz_min(CZ_CHUNK, src->width - x);
        cz_read_luminance(job, src, x, y, n, lum);
        job->k->lightness(lum, n, light);
        if (frame->mask != NULL) {
            cz_read_mask(job, frame->mask, x, y, n, amount);
            for (size_t i = 0; i < n; i++) amount[i] *= strength;
        }
        job->k->colour(&dst->px.primaries, lines, job->grid.w, scale, frame->x + x, lum, light, amount, n, rgb[0],
                       rgb[1], rgb[2]);
        cz_write_pixels(job, src, dst, x, y, n, lum, rgb);
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
            cz_set_sample(cz_row(dst, y), dst->px, x, a + (b - a) * v.share);
        }
    }
}
