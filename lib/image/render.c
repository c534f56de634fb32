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

enum { GROUP = 2 }; /* rows that cz_row_group() puts together, at most */

size_t cz_render_scratch(const cz_grid *g) {
    return (GROUP * 4 * (size_t)g->w * sizeof(float) + CZ_ALIGN - 1) & ~(size_t)(CZ_ALIGN - 1);
}

/** One or two rows in chunks; each chunk is read whole before it is written, so source and destination may be the
 *  same. lines: the four of each row. */
static void render_group(const cz_color_job *job, const cz_pixels *src, const cz_pixels *dst, const cz_frame *frame,
                         size_t y, size_t rows, const float *const (*lines)[4], float strength) {
    const float scale = (float)job->grid.w / (float)frame->width;
    const bool ab = dst->kind == CZ_KIND_AB;
    float light[CZ_CHUNK], amount[CZ_CHUNK], lum[GROUP][CZ_CHUNK], rgb[GROUP][3][CZ_CHUNK];
    for (size_t i = 0; i < CZ_CHUNK; i++) amount[i] = strength;
    for (size_t x = 0; x < src->width; x += CZ_CHUNK) {
        const size_t n = cz_min(CZ_CHUNK, src->width - x);
        for (size_t r = 0; r < rows; r++) {
            cz_read_luminance(job, src, x, y + r, n, lum[r]);
            job->k->lightness(lum[r], n, light);
            if (frame->mask != NULL) {
                cz_read_mask(job, frame->mask, x, y + r, n, amount);
                for (size_t i = 0; i < n; i++) amount[i] *= strength;
            }
            job->k->colour(&dst->px.primaries, ab, lines[r], job->grid.w, scale, frame->x + x, lum[r], light, amount, n,
                           rgb[r][0], rgb[r][1], rgb[r][2]);
        }
        if (dst->kind == CZ_KIND_PIXELS)
            cz_write_pixels(job, src, dst, x, y, n, lum[0], rgb[0]);
        else if (ab)
            cz_write_ab(dst, x, y, n, rgb[0]);
        else
            cz_write_nv12(job, dst, x, y, rows, n, lum, rgb);
    }
}

/** The first row of a group renders all of it, wherever a thread's share ends. */
void cz_render_rows(const cz_color_job *job, const cz_pixels *src, const cz_pixels *dst, const cz_frame *frame,
                    const float *fit, float strength, size_t begin, size_t end, void *scratch) {
    const cz_grid *g = &job->grid;
    const float scale = (float)g->h / (float)frame->height;
    const size_t group = cz_row_group(dst);
    float *mixed = scratch;
    const float *lines[GROUP][4];
    for (size_t y = (begin + group - 1) / group * group; y < end; y += group) {
        const size_t rows = cz_min(group, dst->height - y);
        for (size_t j = 0; j < 4 * rows; j++) {
            const between v = place(frame->y + y + j / 4, scale, g->h);
            const float *plane = fit + j % 4 * g->h * g->w;
            float *line = mixed + j * g->w;
            job->k->mix(plane + v.first * g->w, plane + v.second * g->w, v.share, g->w, line);
            lines[j / 4][j % 4] = line;
        }
        render_group(job, src, dst, frame, y, rows, (const float *const(*)[4])lines, strength);
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
