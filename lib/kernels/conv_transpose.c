/* SPDX-License-Identifier: BSD-2-Clause
 * conv_transpose2d: out[n][oy][ox][co] = epilogue(sum), sum = bias[co]; for ky, kx, ci ascending, where
 *   oy + pad_top - ky dilation_h = iy stride_h and ox + pad_left - kx dilation_w = ix stride_w for some pixel (iy, ix)
 *   inside the input or, as zeros, outside: sum = fma(x[n][iy][ix][ci], w[co][ky][kx][ci], sum)
 * Which taps meet an output pixel depends only on its phase, (oy + pad_top) mod stride_h and the same for x: each phase
 * is an ordinary convolution over its own taps, and the weights are packed phase by phase. A phase of 2 by 2 or 3 by 3
 * taps goes by winograd.c where that is cheaper, by shapes alone. */
#include "kernels/set.h"

#include <string.h>

/** One axis of a phase: the output coordinates and the taps that belong to residue r of the stride. */
typedef struct axis {
    int64_t residue, first, pixels, taps; /* first output coordinate; how many; kernel taps */
} axis;

static axis axis_of(int64_t residue, int64_t out, int64_t pad, int64_t kernel, int64_t dilation, int64_t stride) {
    axis x = {.residue = residue, .first = (residue - pad % stride + stride) % stride};
    x.pixels = out > x.first ? (out - x.first - 1) / stride + 1 : 0;
    for (int64_t k = 0; k < kernel; k++) x.taps += k * dilation % stride == residue;
    return x;
}

/** A phase: what cz_gemm_run needs for it. */
typedef struct phase {
    cz_conv c; /* strides, dilations and padding of the transposed convolution */
    axis y, x;
    cz_gemm g;
    bool winograd; /* by w, else by g */
    cz_wino w;
    size_t units, scratch;
    size_t weights; /* floats before its own */
} phase;

static cz_conv geometry(const cz_call *call) {
    const cz_attr_conv_transpose2d *a = call->attr;
    const cz_shape *x = &call->in[0], *w = &call->weight->shape, *out = &call->out;
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
                     .step = x->d[3],
                     .out_step = out->d[3]};
}

/** Before the first phase. */
static phase phase_start(const cz_call *call) { return (phase){.c = geometry(call), .y.residue = 0, .x.residue = -1}; }

/** One axis as winograd.c sees it: tap j of the phase, counted from the last, reads j pixels further on. */
static cz_wino_axis lattice(const axis *x, int64_t pad, int64_t stride) {
    const int64_t in = (x->first + pad - x->residue) / stride - (x->taps - 1); /* exact: first + pad is in the phase */
    return (cz_wino_axis){1, 0, (size_t)x->pixels, x->first, stride, in, 1};
}

/** True where the phase goes by Winograd. */
static bool plan_winograd(const cz_call *call, phase *p) {
    const bool taps = p->y.taps == p->x.taps && (p->y.taps == 2 || p->y.taps == 3);
    if (!taps || p->g.groups != 1 || p->c.dilation_h != 1 || p->c.dilation_w != 1) return false;
    p->w = (cz_wino){
        .set = call->set, .c = p->c, .images = call->in[0].d[0], .out = p->g.group_out, .taps = (size_t)p->y.taps};
    p->w.wanted = p->c.stride_h * p->c.stride_w > 1 ? 1 : CZ_WINO_UNITS; /* the other phases have theirs */
    p->w.reversed = true;
    p->w.y = lattice(&p->y, p->c.pad_top, p->c.stride_h);
    p->w.x = lattice(&p->x, p->c.pad_left, p->c.stride_w);
    return cz_wino_plan(&p->w);
}

/** The next phase in the order of the packed weights. false: there is none, or (*fits false) it does not fit. */
static bool phase_next(const cz_call *call, phase *p, bool *fits) {
    const cz_attr_conv_transpose2d *a = call->attr;
    const cz_shape *w = &call->weight->shape;
    const size_t groups = (size_t)a->groups;
    size_t before = 0;
    if (p->g.taps > 0) /* fits: packed_size() has said so of the sum */
        (void)cz_gemm_packed(groups, w->d[0] / groups, p->g.taps, w->d[3], &before);
    p->weights += before;
    int64_t residue_y = p->y.residue, residue_x = p->x.residue + 1;
    if (residue_x == p->c.stride_w) {
        residue_x = 0;
        if (++residue_y == p->c.stride_h) return false;
    }
    p->y = axis_of(residue_y, p->c.out_height, p->c.pad_top, p->c.kernel_h, p->c.dilation_h, p->c.stride_h);
    p->x = axis_of(residue_x, p->c.out_width, p->c.pad_left, p->c.kernel_w, p->c.dilation_w, p->c.stride_w);
    p->g = (cz_gemm){.set = call->set,
                     .taps = (size_t)(p->y.taps * p->x.taps),
                     .pixels = call->in[0].d[0] * (size_t)p->y.pixels * (size_t)p->x.pixels,
                     .groups = groups,
                     .group_in = w->d[3],
                     .group_out = w->d[0] / groups};
    p->units = p->scratch = 0;
    if (p->g.pixels == 0) return true;
    p->winograd = plan_winograd(call, p);
    *fits = p->winograd || cz_gemm_plan(&p->g);
    p->units = p->winograd ? p->w.units : p->g.units;
    p->scratch = p->winograd ? p->w.p.end : p->g.scratch;
    return *fits;
}

/** The row pointers of pixels of a phase; see cz_rows_fn. */
static void fill(const void *context, size_t tile, size_t first, size_t count, const float **rows, size_t *pixel) {
    const phase *f = context;
    const cz_conv *c = &f->c;
    const size_t width = (size_t)f->x.pixels, height = (size_t)f->y.pixels;
    for (size_t p = 0; p < tile; p++) {
        const size_t at = first + cz_min(p, count - 1), n = at / width / height;
        const int64_t oy = f->y.first + (int64_t)(at / width % height) * c->stride_h;
        const int64_t ox = f->x.first + (int64_t)(at % width) * c->stride_w;
        const float **row = rows + p;
        pixel[p] = (n * (size_t)c->out_height + (size_t)oy) * (size_t)c->out_width + (size_t)ox;
        for (int64_t ky = 0; ky < c->kernel_h; ky++) {
            const int64_t y = oy + c->pad_top - ky * c->dilation_h;
            if (y % c->stride_h != 0) continue;
            for (int64_t kx = 0; kx < c->kernel_w; kx++) {
                const int64_t x = ox + c->pad_left - kx * c->dilation_w;
                if (x % c->stride_w != 0) continue;
                *row = cz_conv_pixel(c, n, y / c->stride_h, x / c->stride_w);
                row += tile;
            }
        }
    }
}

static bool packed_size(const cz_call *call, size_t *bytes) {
    const cz_attr_conv_transpose2d *a = call->attr;
    const cz_shape *w = &call->weight->shape;
    const size_t groups = (size_t)a->groups;
    return cz_gemm_packed(groups, w->d[0] / groups, (size_t)w->d[1] * w->d[2], w->d[3], bytes) &&
           cz_mul(*bytes, sizeof(float), bytes);
}

/** Packs tap `tap` of the file's order as tap `to` of the phase's `taps`. */
static void pack_tap(const cz_call *call, float *packed, size_t tap, size_t to, size_t taps) {
    const cz_attr_conv_transpose2d *a = call->attr;
    const cz_shape *w = &call->weight->shape;
    const size_t depth = w->d[3], group_out = w->d[0] / (size_t)a->groups, all = (size_t)w->d[1] * w->d[2];
    const size_t block = taps * depth * CZ_BLOCK, group_floats = cz_ceil_div(group_out, CZ_BLOCK) * block;
    float piece[256];
    for (size_t co = 0; co < w->d[0]; co++) {
        const size_t g = co / group_out, c = co % group_out;
        float *lane = packed + g * group_floats + c / CZ_BLOCK * block + to * depth * CZ_BLOCK + c % CZ_BLOCK;
        for (size_t k = 0; k < depth; k += CZ_COUNT(piece)) {
            const size_t n = cz_min(CZ_COUNT(piece), depth - k);
            cz_constant_read(call->weight, (co * all + tap) * depth + k, n, piece);
            for (size_t i = 0; i < n; i++) lane[(k + i) * CZ_BLOCK] = piece[i];
        }
    }
}

static void pack(const cz_call *call, void *packed) {
    const cz_attr_conv_transpose2d *a = call->attr;
    const cz_shape *w = &call->weight->shape;
    const int64_t kh = w->d[1], kw = w->d[2];
    const size_t groups = (size_t)a->groups;
    float *at = packed;
    for (int64_t ry = 0; ry < a->stride_h; ry++)
        for (int64_t rx = 0; rx < a->stride_w; rx++) {
            const axis y = axis_of(ry, 0, 0, kh, a->dilation_h, a->stride_h);
            const axis x = axis_of(rx, 0, 0, kw, a->dilation_w, a->stride_w);
            const size_t taps = (size_t)(y.taps * x.taps);
            size_t to = 0, floats = 0;
            for (int64_t ky = 0; ky < kh; ky++) {
                if (ky * a->dilation_h % a->stride_h != ry) continue;
                for (int64_t kx = 0; kx < kw; kx++)
                    if (kx * a->dilation_w % a->stride_w == rx) pack_tap(call, at, (size_t)(ky * kw + kx), to++, taps);
            }
            (void)cz_gemm_packed(groups, w->d[0] / groups, taps, w->d[3], &floats); /* a part of what fits */
            at += floats;
        }
}

static bool prepare(cz_call *call) {
    phase p = phase_start(call);
    bool fits = true;
    size_t zeros;
    call->units = 0;
    call->scratch = 0;
    while (phase_next(call, &p, &fits)) {
        if (!cz_add(call->units, p.units, &call->units)) return false;
        call->scratch = cz_max(call->scratch, p.scratch);
    }
    return fits && cz_layout(&call->scratch, p.c.channels, sizeof(float), &zeros) &&
           cz_align_up(call->scratch, &call->scratch);
}

static void run(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end, void *scratch) {
    const cz_attr_conv_transpose2d *a = call->attr;
    const cz_epilogue e = cz_epilogue_make(in, a->act, a->act_p0, a->act_p1, a->residual);
    phase p = phase_start(call);
    bool fits = true;
    /* the zeros lie first here: the phases' row pointers need different room */
    float *zeros = scratch;
    size_t rows = 0;
    (void)(cz_mul(p.c.channels, sizeof(float), &rows) && cz_align_up(rows, &rows)); /* fits: prepare() has said so */
    memset(zeros, 0, p.c.channels * sizeof *zeros);
    p.c.x = in[0];
    p.c.zeros = zeros;
    for (size_t first = 0; first < end && phase_next(call, &p, &fits); first += p.units) {
        const size_t from = cz_max(begin, first) - first, to = cz_min(end - first, p.units);
        const float *weights = (const float *)call->packed + p.weights;
        if (from >= to) continue;
        if (p.winograd) {
            cz_wino_run(&p.w, weights, &e, out, from, to, (unsigned char *)scratch + rows);
            continue;
        }
        cz_gemm_run(&p.g, call->set->tile, weights, &e, fill, &p, out, call->out.d[3], from, to,
                    (unsigned char *)scratch + rows);
    }
}

const cz_kernel cz_kernel_conv_transpose2d = {packed_size, pack, prepare, run};
