/* SPDX-License-Identifier: BSD-2-Clause
 * What the pixels of a tile read of the one image: pointers to rows of input channels, or copies of them. */
#include "kernels/conv.h"

#include <string.h>

/** cz_conv_pixel where it is not wanted for every pixel: a call, which is less code. */
static __attribute__((noinline)) const float *seldom(const cz_conv *c, int64_t y, int64_t x) {
    return cz_conv_pixel(c, 0, y, x);
}

void cz_conv_rows(const void *context, size_t tile, size_t first, size_t count, const float **rows, size_t *pixel) {
    const cz_conv *c = context;
    const size_t width = (size_t)c->out_width;
    if (c->pointwise) {
        for (size_t p = 0; p < tile; p++) {
            pixel[p] = first + cz_min(p, count - 1);
            rows[p] = cz_conv_at(c, c->x, pixel[p] * c->step);
        }
        return;
    }
    size_t ox = first % width, oy = first / width;
    for (size_t p = 0; p < tile; p++) {
        const int64_t y0 = (int64_t)oy * c->stride_h - c->pad_top, x0 = (int64_t)ox * c->stride_w - c->pad_left;
        const float **row = rows + p;
        pixel[p] = first + cz_min(p, count - 1);
        if (y0 >= 0 && x0 >= 0 && y0 + (c->kernel_h - 1) * c->dilation_h < c->height &&
            x0 + (c->kernel_w - 1) * c->dilation_w < c->width) {
            const float *line = cz_conv_pixel(c, 0, y0, x0);
            const size_t right = (size_t)c->dilation_w * c->step;
            const size_t down = (size_t)c->dilation_h * (size_t)c->width * c->step;
            for (int64_t ky = 0; ky < c->kernel_h; ky++)
                for (int64_t kx = 0; kx < c->kernel_w; kx++, row += tile)
                    *row = cz_conv_at(c, line, (size_t)ky * down + (size_t)kx * right);
        } else {
            for (int64_t ky = 0; ky < c->kernel_h; ky++)
                for (int64_t kx = 0; kx < c->kernel_w; kx++, row += tile)
                    *row = seldom(c, y0 + ky * c->dilation_h, x0 + kx * c->dilation_w);
        }
        if (p + 1 < count && ++ox == width) {
            ox = 0;
            oy++;
        }
    }
}

/** Copies `count` pixels from (y, x) on: those inside at once, padding one by one. */
static void copy_line(const cz_few *g, int64_t y, int64_t x, size_t count, float *to) {
    const cz_conv *c = &g->c;
    const size_t all = c->channels, some = g->chosen.count;
    const size_t passes = some < all ? some : 1, step = some < all ? all : 1; /* all of a pixel: as they lie */
    while (count > 0) {
        const bool inside = y >= 0 && y < c->height && x >= 0 && x < c->width;
        const size_t n = inside ? cz_min(count, (size_t)(c->width - x)) : 1;
        const float *pixels = seldom(c, y, x);
        for (size_t i = 0; i < passes; i++) {
            const float *from = pixels + g->chosen.channel[i];
            size_t k = i;
            if (step == 1) /* a call of memcpy for so few would take longer than the copy */
                for (; k + 4 <= n * some; k += 4, from += 4) memcpy(to + k, from, 4 * sizeof *to);
            for (; k < n * some; k += passes, from += step) to[k] = *from;
        }
        count -= n;
        x += (int64_t)n;
        to += n * some;
    }
}

void cz_few_rows(const void *context, size_t tile, size_t first, size_t count, const float **rows, size_t *pixel) {
    const cz_few *g = context;
    const cz_conv *c = &g->c;
    const size_t width = (size_t)c->out_width, kh = (size_t)c->kernel_h;
    const size_t step = (size_t)c->stride_w * g->chosen.count;
    float *to = g->values + (size_t)(rows - g->rows) * g->depth;
    for (size_t p = 0, some; p < count; p += some) { /* those of one output row */
        const size_t ox = (first + p) % width, oy = (first + p) / width;
        const int64_t y = (int64_t)oy * c->stride_h - c->pad_top;
        some = cz_min(count - p, width - ox);
        for (size_t ky = 0; ky < kh; ky++, to += (some - 1) * step + g->depth) {
            copy_line(g, y + (int64_t)ky * c->dilation_h, (int64_t)ox * c->stride_w - c->pad_left,
                      (some - 1) * (size_t)c->stride_w + (size_t)c->kernel_w, to);
            for (size_t i = 0; i < some; i++) rows[ky * tile + p + i] = to + i * step;
        }
    }
    for (size_t p = 0; p < tile; p++) {
        pixel[p] = first + cz_min(p, count - 1);
        for (size_t ky = 0; p >= count && ky < kh; ky++) rows[ky * tile + p] = rows[ky * tile + count - 1];
    }
}

void cz_joined_rows(const void *context, size_t tile, size_t first, size_t count, const float **rows, size_t *pixel) {
    const cz_joined *j = context;
    const cz_conv *c = &j->c;
    const size_t width = (size_t)c->out_width, kh = (size_t)c->kernel_h;
    uint8_t *to = j->copies + (size_t)(rows - j->rows) / (tile * kh) * j->each;
    size_t ox = first % width, oy = first / width;
    for (size_t p = 0; p < tile; p++, rows++) {
        const int64_t x = (int64_t)ox * c->stride_w - c->pad_left, y = (int64_t)oy * c->stride_h - c->pad_top;
        const bool copies = x < 0 || x + c->kernel_w > c->width;
        pixel[p] = first + cz_min(p, count - 1);
        for (size_t ky = 0; ky < kh; ky++) {
            const int64_t at = y + (int64_t)ky;
            const float **row = &rows[ky * tile];
            if (p >= count)
                *row = row[-1];
            else if (!copies || at < 0 || at >= c->height)
                *row = cz_conv_pixel(c, 0, at, x);
            else {
                for (int64_t kx = 0; kx < c->kernel_w; kx++)
                    memcpy(to + (size_t)kx * c->channels, seldom(c, at, x + kx), c->channels);
                *row = (const float *)(const void *)to;
                to += j->row;
            }
        }
        if (++ox == width) {
            ox = 0;
            oy++;
        }
    }
}
