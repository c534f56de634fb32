/* SPDX-License-Identifier: BSD-2-Clause
 * conv2d: out[n][oy][ox][co] = epilogue(sum), sum = bias[co]; for ky, kx, ci ascending:
 *   sum = fma(x[n][oy stride_h - pad_top + ky dilation_h][ox stride_w - pad_left + kx dilation_w][ci],
 *             w[co][ky][kx][ci], sum)
 * ci runs over the channels of co's group; outside the input x is zero, or the nearest pixel. Where winograd.c is
 * cheaper, by shapes alone, its sum takes the place of this one. */
#include "kernels/set.h"

#include <string.h>

static bool is_depthwise(const cz_call *call) {
    const cz_attr_conv2d *a = call->attr;
    const cz_shape *w = &call->weight->shape;
    return a->groups > 1 && w->d[3] == 1 && w->d[0] == (uint32_t)a->groups;
}

cz_conv cz_conv_make(const cz_call *call) {
    const cz_attr_conv2d *a = call->attr;
    const cz_shape *x = &call->in[0], *w = &call->weight->shape, *out = &call->out;
    const bool same = out->d[1] == x->d[1] && out->d[2] == x->d[2];
    return (cz_conv){.height = x->d[1],
                     .width = x->d[2],
                     .out_height = out->d[1],
                     .out_width = out->d[2],
                     .kernel_h = w->d[1],
                     .kernel_w = w->d[2],
                     .stride_h = a->stride_h,
                     .stride_w = a->stride_w,
                     .dilation_h = a->dilation_h,
                     .dilation_w = a->dilation_w,
                     .pad_top = a->pad_top,
                     .pad_left = a->pad_left,
                     .channels = x->d[3],
                     .step = cz_in_step(call),
                     .out_step = cz_out_step(call),
                     .pointwise = w->d[1] == 1 && w->d[2] == 1 && same && a->pad_top == 0 && a->pad_left == 0 &&
                                  a->stride_h == 1 && a->stride_w == 1,
                     .replicate = a->pad_mode == 1};
}

void cz_conv_rows(const void *context, size_t tile, size_t first, size_t count, const float **rows, size_t *pixel) {
    const cz_conv *c = context;
    const size_t width = (size_t)c->out_width, height = (size_t)c->out_height;
    if (c->pointwise) {
        for (size_t p = 0; p < tile; p++) {
            pixel[p] = first + cz_min(p, count - 1);
            rows[p] = cz_conv_at(c, c->x, pixel[p] * c->step);
        }
        return;
    }
    size_t ox = first % width, oy = first / width % height, n = first / width / height;
    for (size_t p = 0; p < tile; p++) {
        const int64_t y0 = (int64_t)oy * c->stride_h - c->pad_top, x0 = (int64_t)ox * c->stride_w - c->pad_left;
        const float **row = rows + p;
        pixel[p] = first + cz_min(p, count - 1);
        if (y0 >= 0 && x0 >= 0 && y0 + (c->kernel_h - 1) * c->dilation_h < c->height &&
            x0 + (c->kernel_w - 1) * c->dilation_w < c->width) {
            const float *line = cz_conv_pixel(c, n, y0, x0);
            const size_t right = (size_t)c->dilation_w * c->step;
            const size_t down = (size_t)c->dilation_h * (size_t)c->width * c->step;
            for (int64_t ky = 0; ky < c->kernel_h; ky++)
                for (int64_t kx = 0; kx < c->kernel_w; kx++, row += tile)
                    *row = cz_conv_at(c, line, (size_t)ky * down + (size_t)kx * right);
        } else {
            for (int64_t ky = 0; ky < c->kernel_h; ky++)
                for (int64_t kx = 0; kx < c->kernel_w; kx++, row += tile)
                    *row = cz_conv_pixel(c, n, y0 + ky * c->dilation_h, x0 + kx * c->dilation_w);
        }
        if (p + 1 < count && ++ox == width) {
            ox = 0;
            if (++oy == height) {
                oy = 0;
                n++;
            }
        }
    }
}

/* With very few input channels the loop over them is too short to be fast: the taps of a pixel are then copied side by
 * side, in the order in which the sum takes them, and are one long tap. The packed weights are the same. */
#define FEW     4   /* input channels */
#define LONGEST 256 /* of the one tap */

static bool is_gathered(const cz_call *call) {
    const cz_attr_conv2d *a = call->attr;
    const cz_shape *w = &call->weight->shape;
    const uint32_t taps = w->d[1] * w->d[2]; /* fits: kernels have a limit */
    return a->groups == 1 && taps > 1 && w->d[3] <= FEW && taps * w->d[3] <= LONGEST;
}

typedef struct gathered {
    cz_conv c;
    const float **rows; /* of the first tile of the chunk */
    float *values;      /* [tile][pixel][kernel_h kernel_w channels] */
    size_t depth;
} gathered;

/** Copies n floats: few, for which a call of memcpy would take longer than the copy. */
static inline void copy_few(float *to, const float *from, size_t n) {
    for (; n >= 4; n -= 4, to += 4, from += 4) memcpy(to, from, 4 * sizeof *to);
    for (size_t i = 0; i < n; i++) to[i] = from[i];
}

/** Copies the taps of the output pixel at (oy, ox) of image n side by side. */
static void copy_taps(const cz_conv *c, size_t n, int64_t oy, int64_t ox, float *to) {
    const int64_t y = oy * c->stride_h - c->pad_top, x = ox * c->stride_w - c->pad_left;
    const size_t row = (size_t)c->kernel_w * c->channels;
    if (c->dilation_w == 1 && x >= 0 && x + c->kernel_w <= c->width && y >= 0 &&
        y + (c->kernel_h - 1) * c->dilation_h < c->height) {
        const float *from = cz_conv_pixel(c, n, y, x);
        const size_t down = (size_t)(c->dilation_h * c->width) * c->channels;
        for (int64_t ky = 0; ky < c->kernel_h; ky++, from += down, to += row) copy_few(to, from, row);
        return;
    }
    for (int64_t ky = 0; ky < c->kernel_h; ky++)
        for (int64_t kx = 0; kx < c->kernel_w; kx++) {
            const float *from = cz_conv_pixel(c, n, y + ky * c->dilation_h, x + kx * c->dilation_w);
            for (size_t i = 0; i < c->channels; i++) *to++ = from[i];
        }
}

/** As cz_conv_rows, but the one row of each pixel is a copy of all its taps. */
static void fill_gathered(const void *context, size_t tile, size_t first, size_t count, const float **rows,
                          size_t *pixel) {
    const gathered *g = context;
    const cz_conv *c = &g->c;
    const size_t width = (size_t)c->out_width, height = (size_t)c->out_height;
    float *to = g->values + (size_t)(rows - g->rows) * g->depth;
    size_t ox = first % width, oy = first / width % height, n = first / width / height;
    for (size_t p = 0; p < tile; p++) {
        pixel[p] = first + cz_min(p, count - 1);
        rows[p] = p < count ? to : rows[p - 1];
        if (p >= count) continue;
        copy_taps(c, n, (int64_t)oy, (int64_t)ox, to);
        to += g->depth;
        if (++ox == width) {
            ox = 0;
            if (++oy == height) {
                oy = 0;
                n++;
            }
        }
    }
}

static bool packed_size(const cz_call *call, size_t *bytes) {
    const cz_attr_conv2d *a = call->attr;
    const cz_shape *w = &call->weight->shape;
    const size_t groups = (size_t)a->groups, taps = (size_t)w->d[1] * w->d[2];
    const bool fits = is_depthwise(call) ? cz_gemm_packed(1, groups, taps, 1, bytes)
                                         : cz_gemm_packed(groups, w->d[0] / groups, taps, w->d[3], bytes);
    return fits && cz_mul(*bytes, sizeof(float), bytes);
}

static void pack(const cz_call *call, void *packed) {
    const cz_attr_conv2d *a = call->attr;
    const cz_shape *w = &call->weight->shape;
    const size_t depth = (size_t)w->d[1] * w->d[2] * w->d[3];
    const size_t groups = is_depthwise(call) ? 1 : (size_t)a->groups, group_out = w->d[0] / groups;
    size_t group_floats = 0;
    (void)cz_gemm_packed(1, group_out, depth, 1, &group_floats); /* fits: packed_size() has said so */
    for (size_t g = 0; g < groups; g++)
        cz_pack_rows(call->weight, g * group_out, group_out, depth, (float *)packed + g * group_floats);
}

static bool plan(const cz_call *call, cz_gemm *g) {
    const cz_attr_conv2d *a = call->attr;
    const cz_shape *w = &call->weight->shape, *out = &call->out;
    *g = (cz_gemm){
        .set = call->set, .pixels = (size_t)out->d[0] * out->d[1] * out->d[2], .taps = (size_t)w->d[1] * w->d[2]};
    g->groups = (size_t)a->groups;
    g->group_in = w->d[3];
    g->group_out = w->d[0] / g->groups;
    if (is_gathered(call)) {
        g->group_in *= g->taps;
        g->taps = 1;
    }
    return cz_gemm_plan(g);
}

/** The scratch of the direct kernel: row pointers, a pixel of zeros, gathered taps. */
static bool lay_out(const cz_call *call, const cz_gemm *g, size_t *zeros, size_t *values, size_t *end) {
    const size_t each = is_gathered(call) ? call->set->pixels * g->group_in : 0; /* at most LONGEST a pixel */
    *end = g->scratch;
    return cz_layout(end, call->in[0].d[3], sizeof(float), zeros) &&
           cz_layout(end, g->chunk * each, sizeof(float), values) && cz_align_up(*end, end);
}

static cz_wino_axis axis_of(uint32_t out, int32_t pad, int32_t dilation) {
    const size_t phases = (size_t)dilation;
    return (cz_wino_axis){phases, out % phases, out / phases, 0, dilation, -pad, dilation};
}

/* see winograd.h */
bool cz_conv_winograd(const cz_call *call, cz_wino *w) {
    const cz_attr_conv2d *a = call->attr;
    const cz_shape *k = &call->weight->shape, *out = &call->out;
    if (a->groups != 1 || k->d[1] != 3 || k->d[2] != 3 || a->stride_h != 1 || a->stride_w != 1) return false;
    *w = (cz_wino){.set = call->set,
                   .c = cz_conv_make(call),
                   .images = out->d[0],
                   .out = call->padded ? cz_out_step(call) : out->d[3],
                   .taps = 3,
                   .wanted = CZ_WINO_UNITS};
    w->y = axis_of(out->d[1], a->pad_top, a->dilation_h);
    w->x = axis_of(out->d[2], a->pad_left, a->dilation_w);
    return cz_wino_plan(w);
}

/** The parameters of `from` channels as those of `to`. */
static void pad_ends(cz_epilogue *e, size_t from, size_t to, float *at) {
    const float **const ends[] = {&e->bias, &e->scale, &e->shift};
    for (size_t i = 0; i < CZ_COUNT(ends); i++, at += to) {
        if (*ends[i] == NULL) continue;
        memset(at + from, 0, (to - from) * sizeof *at);
        *ends[i] = memcpy(at, *ends[i], from * sizeof *at);
    }
}

static bool prepare(cz_call *call) {
    if (is_depthwise(call)) return cz_depthwise_prepare(call, CZ_BLOCK);
    if (cz_narrow_fits(call)) return cz_narrow_prepare(call);
    cz_wino w;
    if (cz_conv_winograd(call, &w)) {
        call->units = w.units;
        call->scratch = w.p.end;
        size_t ends;
        return !call->padded || cz_layout(&call->scratch, 3 * w.out, sizeof(float), &ends);
    }
    cz_gemm g;
    size_t zeros, values;
    if (!plan(call, &g)) return false;
    call->units = g.units;
    return lay_out(call, &g, &zeros, &values, &call->scratch);
}

static void run(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end, void *scratch) {
    const cz_attr_conv2d *a = call->attr;
    cz_epilogue e = cz_epilogue_make(in, a->act, a->act_p0, a->act_p1, a->residual);
    if (is_depthwise(call)) {
        cz_conv depthwise = cz_conv_make(call);
        depthwise.x = in[0];
        cz_depthwise_run(call, &depthwise, CZ_BLOCK, call->packed, &e, out, begin, end, scratch);
        return;
    }
    if (cz_narrow_fits(call)) {
        cz_narrow_run(call, &e, in[0], out, begin, end, scratch);
        return;
    }
    cz_wino w;
    if (cz_conv_winograd(call, &w)) {
        w.c.x = in[0];
        if (call->padded) pad_ends(&e, call->out.d[3], w.out, (float *)(void *)((unsigned char *)scratch + w.p.end));
        cz_wino_run(&w, call->packed, &e, out, begin, end, scratch);
        return;
    }
    gathered c = {.c = cz_conv_make(call), .rows = scratch};
    cz_gemm g;
    size_t zeros, values, bytes;
    if (!plan(call, &g) || !lay_out(call, &g, &zeros, &values, &bytes)) return; /* cannot be: prepare() did the same */
    unsigned char *base = scratch;
    c.c.zeros = memset(base + zeros, 0, c.c.channels * sizeof(float));
    c.c.x = in[0];
    c.values = (float *)(void *)(base + values);
    c.depth = g.group_in;
    const bool copies = is_gathered(call);
    cz_gemm_run(&g, call->set->tile, call->packed, &e, copies ? fill_gathered : cz_conv_rows,
                copies ? (const void *)&c : &c.c, out, c.c.out_step, begin, end, scratch);
}

const cz_kernel cz_kernel_conv2d = {packed_size, pack, prepare, run};
