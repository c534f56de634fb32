/* SPDX-License-Identifier: BSD-2-Clause
 * conv2d_i8: out[oy][ox][co] = end(fma((float)sum, x_scale w_scale[co], bias[co])), sum = the sum of
 *   (x[oy stride - pad_top + ky dilation][ox stride - pad_left + kx dilation][ci] - x_zero) w[co][ky][kx][ci]
 * over ky, kx and the channels ci of co's group; outside the input x is x_zero. The sum is of integers and exact: no
 * order of it shows. end is epilogue.h's, to f32 or u8.
 *
 * Dense: sum x w is made by vi_dot4, four input channels at a time; - x_zero sum w is where it starts. Depthwise: by
 * depthwise.c, whose f32 sums of integers are exact as long as they stay below 2^24. */
#include "kernels/conv.h"
#include "kernels/isa.h"

#include <math.h>
#include <string.h>

/** The call as one of a conv2d; `attr` holds its attributes. */
static cz_call as_conv2d(const cz_call *call, cz_attr_conv2d *attr) {
    cz_call as = *call;
    *attr = cz_conv2d_of_i8(call->attr);
    as.attr = attr;
    return as;
}

static bool is_depthwise(const cz_call *call) { return ((const cz_attr_conv2d_i8 *)call->attr)->groups != 1; }

#if !defined(VI_DOT4_VNNI)
#define vi_dot4_vnni vi_dot4
#endif

/* ---------------------------------------------------------------- weights
 * factor[co], start[co] in whole vectors, then dense [block of 16][tap][four channels][16][4] i8 with missing channels
 * 0, or depthwise [block][tap][16] f32. Either takes as much as floats of that many [taps][quads] would. */

typedef struct layout {
    size_t outs, taps, quads; /* padded outputs; 4 input channels each, 1 of a depthwise convolution */
    size_t start, weights, bytes;
} layout;

static bool layout_of(const cz_call *call, layout *l) {
    const cz_shape *w = &call->weight->shape;
    *l = (layout){
        .outs = cz_ceil_div(w->d[0], VL) * VL, .taps = (size_t)w->d[1] * w->d[2], .quads = cz_ceil_div(w->d[3], 4)};
    size_t factor, floats;
    return cz_layout(&l->bytes, l->outs, sizeof(float), &factor) &&
           cz_layout(&l->bytes, l->outs, sizeof(int32_t), &l->start) &&
           CZ_NAME(cz_gemm_packed)(1, l->outs, l->taps, l->quads, &floats) &&
           cz_layout(&l->bytes, floats, sizeof(float), &l->weights) && cz_align_up(l->bytes, &l->bytes);
}

static bool packed_size(const cz_call *call, size_t *bytes) {
    layout l;
    if (!layout_of(call, &l)) return false;
    *bytes = l.bytes;
    return true;
}

static void pack(const cz_call *call, void *packed) {
    const cz_attr_conv2d_i8 *a = call->attr;
    const size_t outs = call->weight->shape.d[0], channels = call->weight->shape.d[3];
    const int8_t *w = call->weight->data;
    layout l;
    if (!layout_of(call, &l)) return; /* cannot be: packed_size() has said so */
    unsigned char *base = packed;
    float *factor = packed;
    int32_t *start = (int32_t *)(void *)(base + l.start);
    for (size_t o = 0; o < outs; o++) {
        const size_t at = (o / VL * l.taps * l.quads * VL + o % VL) * sizeof(float); /* of the first tap */
        int32_t sum = 0;
        for (size_t t = 0; t < l.taps; t++)
            for (size_t c = 0; c < channels; c++, w++) {
                unsigned char *to = base + l.weights + at + (t * l.quads + c / 4) * VL * sizeof(float);
                const float value = *w;
                sum += *w;
                if (is_depthwise(call))
                    memcpy(to, &value, sizeof value);
                else
                    memcpy(to + c % 4, w, 1);
            }
        factor[o] = a->x_scale * call->weight->scale[o];
        start[o] = is_depthwise(call) ? 0 : -a->x_zero * sum; /* below 2^31: the shape rule has said so */
    }
}

/* ---------------------------------------------------------------- tiles */

/** As cz_micro_sum, of bytes: m pixels by nb blocks. Reads up to 3 bytes past a pixel's channels. */
CZ_INLINE void sum_tile(const cz_micro *k, int m, int nb, bool vnni, vi sum[CZ_MR][CZ_NB]) {
    const int32_t *w = (const int32_t *)(const void *)k->weights;
    const size_t next = k->next_block, ahead = k->ahead;
    const ptrdiff_t depth = (ptrdiff_t)k->depth * 4;
    const float *const *rows = k->rows;
    for (size_t t = k->taps; t > 0; t--, rows += CZ_MR) {
        const uint8_t *x[CZ_MR];
        CZ_UNROLL for (int p = 0; p < m; p++) x[p] = (const uint8_t *)rows[p] + depth;
        for (ptrdiff_t i = -depth; i != 0; i += 4, w += VL) {
            vi wb[CZ_NB];
            CZ_UNROLL for (int b = 0; b < nb; b++) {
                wb[b] = vi_load(w + (size_t)b * next);
                CZ_PREFETCH(w + (size_t)b * next + ahead);
            }
            CZ_UNROLL for (int p = 0; p < m; p++) {
                int32_t four;
                memcpy(&four, x[p] + i, sizeof four);
                const vi v = vi_set1(four);
                CZ_UNROLL for (int b = 0; b < nb; b++) sum[p][b] =
                    vnni ? vi_dot4_vnni(sum[p][b], v, wb[b]) : vi_dot4(sum[p][b], v, wb[b]);
            }
        }
    }
}

/** Finishes and stores a tile whose sums begin at `sums`: in one go where no activation needs more than a clamp. */
static void finish_tile(const cz_epilogue *e, const cz_tile_out *o, const int32_t *sums) {
    const size_t n = o->last - o->first;
    const bool relu = e->act == CZ_ACT_LEAKY_RELU && e->p0 == 0;
    const vf low = vf_set1(e->act == CZ_ACT_CLAMP ? e->p0 : relu ? 0.0f : -INFINITY);
    const vf high = vf_set1(e->act == CZ_ACT_CLAMP ? e->p1 : INFINITY);
    if (e->residual_mode == 2 || (e->act > CZ_ACT_CLAMP && !relu)) {
        float kept[CZ_MR * CZ_NB * VL];
        for (size_t i = 0; i < CZ_COUNT(kept); i += VL) vf_store(kept + i, vf_from_i(vi_load(sums + i)));
        CZ_NAME(cz_finish)(e, kept, CZ_NB * VL, o->pixel, o->count, o->channels, o->first, n, o->out);
        return;
    }
    for (size_t b = 0; b < n; b += VL) {
        const size_t c = o->first + b, m = cz_min(VL, n - b);
        const vf factor = vf_load(e->factor + c), bias = e->bias ? vf_load_n(e->bias + c, m) : vf_zero();
        const int32_t *from = sums + b;
        if (cz_epilogue_is_u8(e) && m == VL) {
            const vf steps = vf_set1(e->steps), zero = vf_set1(e->zero), top = vf_set1(CZ_U8_MAX);
            uint8_t *const out = (uint8_t *)o->out + c;
            for (size_t p = 0; p < o->count; p++, from += CZ_NB * VL) {
                const vf v = vf_fma(vf_fma(vf_from_i(vi_load(from)), factor, bias), steps, zero);
                vi_store_u8(out + o->pixel[p] * o->channels, vi_round(vf_min(vf_max(v, vf_zero()), top)), VL);
            }
            continue;
        }
        for (size_t p = 0; p < o->count; p++, from += CZ_NB * VL) {
            const size_t at = o->pixel[p] * o->channels + c;
            vf v = vf_fma(vf_from_i(vi_load(from)), factor, bias);
            if (e->residual_mode == 1) v = vf_add(v, vf_load_n(e->residual + at, m));
            if (e->act != CZ_ACT_NONE) v = vf_min(vf_max(v, low), high);
            if (e->steps != 0)
                vi_store_u8((uint8_t *)o->out + at, cz_quantize(v, e->steps, e->zero), m);
            else
                vf_store_n(o->out + at, v, m);
        }
    }
}

CZ_INLINE void tile(const cz_micro *k, const cz_epilogue *e, const cz_tile_out *o, int m, int nb, bool vnni) {
    vi sum[CZ_MR][CZ_NB];
    CZ_UNROLL for (int b = 0; b < nb; b++) {
        const vi start = vi_load(e->start + o->first + (size_t)b * VL);
        CZ_UNROLL for (int p = 0; p < m; p++) sum[p][b] = start;
    }
    sum_tile(k, m, nb, vnni, sum);
    int32_t kept[CZ_MR * CZ_NB * VL];
    CZ_UNROLL for (int p = 0; p < m; p++) {
        CZ_UNROLL for (int b = 0; b < nb; b++) vi_store(kept + (p * CZ_NB + b) * VL, sum[p][b]);
    }
    finish_tile(e, o, kept);
}

/* The tile sizes, each its own function, so that each gets the registers to itself. */
#define TILE(name, m, nb, vnni)                                                                                        \
    static void name(const cz_micro *k, const cz_epilogue *e, const cz_tile_out *o) { tile(k, e, o, m, nb, vnni); }
#define SOME ((CZ_MR + 2) / 3)
TILE(tile_full, CZ_MR, CZ_NB, false)
TILE(tile_some, SOME, CZ_NB, false)
#if CZ_NB > 1
TILE(narrow_full, CZ_MR, 1, false)
#endif

static void run_tile(const cz_micro *k, const cz_epilogue *e, const cz_tile_out *o) {
#if CZ_NB > 1
    if (o->last - o->first <= VL) {
        narrow_full(k, e, o);
        return;
    }
#endif
    (o->count <= SOME ? tile_some : tile_full)(k, e, o);
}

#if defined(VI_DOT4_VNNI)
TILE(vnni_full, CZ_MR, CZ_NB, true)
TILE(vnni_some, SOME, CZ_NB, true)
static void run_tile_vnni(const cz_micro *k, const cz_epilogue *e, const cz_tile_out *o) {
    (o->count <= SOME ? vnni_some : vnni_full)(k, e, o);
}
#endif

/** The same integers by one instruction where an AVX2 machine has it. */
static cz_tile_fn tile_of(void) {
#if defined(VI_DOT4_VNNI)
    if (cz_cpu_has_vnni()) return run_tile_vnni;
#endif
    return run_tile;
}

/* ---------------------------------------------------------------- the kernel */

static bool plan(const cz_call *call, cz_gemm *g, size_t *padding, size_t *bytes) {
    const cz_shape *out = &call->out;
    layout l;
    if (!layout_of(call, &l)) return false;
    *g = (cz_gemm){.pixels = (size_t)out->d[1] * out->d[2],
                   .taps = l.taps,
                   .groups = 1,
                   .group_in = l.quads,
                   .group_out = out->d[3]};
    if (!CZ_NAME(cz_gemm_plan)(g)) return false;
    *bytes = g->scratch;
    return cz_layout(bytes, l.quads, 4, padding) && cz_align_up(*bytes, bytes);
}

static bool prepare(cz_call *call) {
    if (is_depthwise(call)) {
        cz_attr_conv2d attr;
        cz_call as = as_conv2d(call, &attr);
        if (!CZ_NAME(cz_depthwise_prepare)(&as)) return false;
        call->units = as.units;
        call->scratch = as.scratch;
        return true;
    }
    cz_gemm g;
    size_t padding;
    if (!plan(call, &g, &padding, &call->scratch)) return false;
    call->units = g.units;
    return true;
}

/** v as cz_quantize has it before it is rounded. */
static float stepped(const cz_epilogue *e, float v) {
    float lanes[VL];
    vf_store(lanes, vf_fma(vf_set1(v), vf_set1(e->steps), vf_set1(e->zero)));
    return lanes[0];
}

static cz_epilogue epilogue_of(const cz_call *call, const float *const *in, const layout *l) {
    const cz_attr_conv2d_i8 *a = call->attr;
    cz_epilogue e = cz_epilogue_make(in, a->act, a->act_p0, a->act_p1, a->residual);
    e.factor = call->packed;
    e.start = (const int32_t *)(const void *)((const unsigned char *)call->packed + l->start);
    if (a->out_scale == 0) return e;
    e.steps = 1.0f / a->out_scale;
    e.zero = (float)a->out_zero;
    /* A clamp to limits that u8 has anyway changes nothing: fma and rounding keep order. */
    const bool relu = e.act == CZ_ACT_LEAKY_RELU && e.p0 == 0, clamp = e.act == CZ_ACT_CLAMP;
    if (e.residual_mode != 2 && (relu || clamp) && stepped(&e, clamp ? e.p0 : 0) <= 0 &&
        (relu || stepped(&e, e.p1) >= CZ_U8_MAX))
        e.act = CZ_ACT_NONE;
    return e;
}

static void run(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end, void *scratch) {
    const cz_attr_conv2d_i8 *a = call->attr;
    cz_attr_conv2d attr;
    const cz_call as = as_conv2d(call, &attr);
    cz_conv c = cz_conv_make(&as);
    cz_gemm g;
    layout l;
    size_t padding, bytes;
    if (!layout_of(call, &l)) return; /* cannot be: packed_size() has said so */
    const float *weights = (const float *)(const void *)((const unsigned char *)call->packed + l.weights);
    const cz_epilogue e = epilogue_of(call, in, &l);
    c.x = in[0];
    c.bytes = true;
    c.zero = (float)a->x_zero;
    if (is_depthwise(call)) {
        CZ_NAME(cz_depthwise_run)(&as, &c, weights, &e, out, begin, end, scratch);
        return;
    }
    if (!plan(call, &g, &padding, &bytes)) return; /* the same */
    c.zeros = memset((unsigned char *)scratch + padding, a->x_zero, l.quads * 4);
    CZ_NAME(cz_gemm_tiles)
    (&g, weights, &e, tile_of(), CZ_NAME(cz_conv_rows), &c, out, call->out.d[3], begin, end, scratch);
}

const cz_kernel CZ_NAME(cz_kernel_conv2d_i8) = {packed_size, pack, prepare, run};
