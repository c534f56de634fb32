/* SPDX-License-Identifier: BSD-2-Clause
 * conv2d_i8: out[oy][ox][co] = end(fma((float)sum, x_scale w_scale[co], bias[co])), sum = the sum of
 *   (x[oy stride - pad_top + ky dilation][ox stride - pad_left + kx dilation][ci] - x_zero) w[co][ky][kx][ci]
 * over ky, kx and the channels ci of co's group; outside the input x is x_zero. The sum is of integers and exact: no
 * order of it shows. end is epilogue.h's, to f32 or u8.
 *
 * sum x w is made by vi_dot4, four input channels at a time, or in a depthwise convolution four kernel rows;
 * - x_zero sum w is where it starts. Where four products of bytes are no instruction, or depthwise_i8.c has no row of
 * its kind, a depthwise convolution goes by f32 sums of integers, exact as long as they stay below 2^24. */
#include "kernels/isa.h"
#include "kernels/set.h"

#include <string.h>

/** The call as one of a conv2d; `attr` holds its attributes. */
static cz_call as_conv2d(const cz_call *call, cz_attr_conv2d *attr) {
    cz_call as = *call;
    *attr = cz_conv2d_of_i8(call->attr);
    as.attr = attr;
    return as;
}

static bool is_depthwise(const cz_call *call) { return ((const cz_attr_conv2d_i8 *)call->attr)->groups != 1; }

/** No residual comes at the end, and the activation is a clamp at most. */
static bool is_direct(const cz_attr_conv2d_i8 *a) {
    return a->residual != 2 && (a->act <= CZ_ACT_CLAMP || (a->act == CZ_ACT_LEAKY_RELU && a->act_p0 == 0));
}

/** 16-channel vectors of a group of depthwise_i8.c; 0: it is not called. */
static size_t quads_of(const cz_call *call) {
    const cz_attr_conv2d_i8 *a = call->attr;
    const uint32_t *w = call->weight->shape.d;
    const bool has_row = w[1] == w[2] && (w[2] == 3 || w[2] == 5) && a->dilation == 1 && a->stride <= 2;
    const bool fits = is_depthwise(call) && has_row && is_direct(a) && a->out_scale != 0 && a->residual == 0;
    return fits && call->set->depthwise_row_i8 != NULL ? CZ_DEPTHWISE_PIXEL / CZ_BLOCK : 0;
}

#define JOINED ((size_t)1 << 16) /* weights of an output that are joined, at most: copies at the sides stay small */

/** A kernel row is one tap: its columns' channels lie side by side in the input. */
static bool joins(const cz_call *call) {
    const cz_attr_conv2d_i8 *a = call->attr;
    const uint32_t *w = call->weight->shape.d;
    return !is_depthwise(call) && w[2] > 1 && a->dilation == 1 && (size_t)w[1] * w[2] * w[3] <= JOINED;
}

/* ---------------------------------------------------------------- weights
 * factor[co], start[co] in whole blocks, struct facts of dense weights, and
 *   dense: i8 [block of 16][tap, or kernel row][four channels][16][4], missing channels 0
 *   depthwise, by depthwise_i8.c: i8 [block of 16 quads][four kernel rows][kernel_w][channel][4], missing rows 0,
 *     a block's channels in the order of vi_quads; few of them, several times (cz_depthwise_fold)
 *   depthwise, else: f32 [block of 16][tap][16]; start is not used, the input comes less x_zero */

typedef struct layout {
    size_t block, outs; /* output channels side by side; all, padded */
    size_t taps, deep;  /* words of 4 bytes for each */
    size_t start, facts, weights, bytes;
} layout;

/** What packing finds out about dense weights. */
typedef struct facts {
    bool wide;   /* not all are vi_dot4's */
    float reach; /* no sum times its factor is larger */
} facts;

static bool layout_of(const cz_call *call, layout *l) {
    const cz_shape *w = &call->weight->shape;
    const size_t quads = quads_of(call);
    const bool joined = joins(call);
    const size_t height = w->d[1], width = w->d[2], channels = w->d[3];
    const size_t deep = quads > 0 ? height : joined ? width * channels : channels;
    *l = (layout){
        .block = cz_max(quads, 1) * CZ_BLOCK, .taps = height * width * channels / deep, .deep = cz_ceil_div(deep, 4)};
    l->outs = cz_ceil_div(w->d[0], l->block) * l->block;
    size_t factor, words;
    return cz_layout(&l->bytes, l->outs, sizeof(float), &factor) &&
           cz_layout(&l->bytes, l->outs, sizeof(int32_t), &l->start) &&
           cz_layout(&l->bytes, 1, sizeof(facts), &l->facts) && cz_gemm_packed(1, l->outs, l->taps, l->deep, &words) &&
           cz_layout(&l->bytes, words, sizeof(int32_t), &l->weights) && cz_align_up(l->bytes, &l->bytes);
}

static bool packed_size(const cz_call *call, size_t *bytes) {
    layout l;
    if (!layout_of(call, &l)) return false;
    *bytes = l.bytes;
    return true;
}

/** Stores the weight of output o, kernel row ky and column kx, channel c. */
static void put(const cz_call *call, const layout *l, int8_t *to, size_t o, size_t ky, size_t kx, size_t c, int8_t w) {
    const size_t tap = ky * call->weight->shape.d[2] + kx, quads = quads_of(call);
    size_t at = o % l->block; /* in its block */
    int8_t *const block = to + o / l->block * l->taps * l->deep * l->block * 4;
    const float value = w;
    if (!is_depthwise(call)) {
        const size_t width = call->weight->shape.d[3];
        const size_t group = joins(call) ? ky : tap, i = joins(call) ? kx * width + c : c;
        block[((group * l->deep + i / 4) * CZ_BLOCK + at) * 4 + i % 4] = w;
    } else if (quads == 0)
        memcpy(block + (tap * CZ_BLOCK + at) * 4, &value, sizeof value);
    else { /* again for every row that lies beside the first */
        const size_t first = o - at, rest = cz_min(l->block, call->weight->shape.d[0] - first);
        const size_t each = l->block / cz_depthwise_fold(l->block, rest % l->block);
        for (; at < l->block; at += each)
            block[((ky / 4 * l->taps + kx) * l->block + (at % CZ_BLOCK / 4 * quads + at / CZ_BLOCK) * 4 + at % 4) * 4 +
                  ky % 4] = w;
    }
}

/** Whether two weights that vi_dot4 takes side by side are more than it bears. */
static bool has_wide(const int8_t *w, size_t n) {
    bool found = false;
    for (size_t i = 0; i + 1 < n; i += 2) found |= w[i] + w[i + 1] > 128 || w[i] + w[i + 1] < -128;
    return found;
}

static facts *facts_in(const void *packed, const layout *l) {
    return (facts *)(void *)((unsigned char *)(uintptr_t)packed + l->facts);
}

static void pack(const cz_call *call, void *packed) {
    const cz_attr_conv2d_i8 *a = call->attr;
    const uint32_t *d = call->weight->shape.d;
    const int8_t *w = call->weight->data;
    layout l;
    if (!layout_of(call, &l)) return; /* cannot be: packed_size() has said so */
    int8_t *const weights = (int8_t *)packed + l.weights;
    float *factor = packed;
    int32_t *start = (int32_t *)(void *)((unsigned char *)packed + l.start);
    facts known = {0};
    const int32_t less = call->set->signed_bytes && !is_depthwise(call) ? 128 : 0; /* of every input */
    for (size_t o = 0; o < d[0]; o++) {
        int32_t sum = 0, size = 0;
        for (size_t ky = 0; ky < d[1]; ky++)
            for (size_t kx = 0; kx < d[2]; kx++)
                for (size_t c = 0; c < d[3]; c++, w++) {
                    put(call, &l, weights, o, ky, kx, c, *w);
                    sum += *w;
                    size += *w < 0 ? -*w : *w;
                }
        factor[o] = a->x_scale * call->weight->scale[o];
        known.reach = fmaxf(known.reach, fabsf(factor[o]) * (float)size * CZ_U8_MAX);
        start[o] = (less - a->x_zero) * sum; /* below 2^31: the shape rule has said so */
    }
    known.wide = !is_depthwise(call) && has_wide(weights, l.bytes - l.weights);
    *facts_in(packed, &l) = known;
}

/* ---------------------------------------------------------------- the kernel */

/** Kernel rows that a tile may have copied: those of pixels at either side of the image. */
static size_t copies_of(const cz_call *call) {
    const cz_attr_conv2d_i8 *a = call->attr;
    const size_t tile = call->set->pixels, lines = tile / call->out.d[2] + 2;
    return joins(call) ? cz_min(tile, lines * (size_t)(a->pad_left + a->pad_right)) * call->weight->shape.d[1] : 0;
}

/** The product, and where in the scratch a tap of padding and copies lie. */
static bool plan(const cz_call *call, cz_gemm *g, size_t *padding, size_t *copies, size_t *bytes) {
    const cz_shape *out = &call->out;
    layout l;
    if (!layout_of(call, &l)) return false;
    *g = (cz_gemm){.set = call->set,
                   .pixels = (size_t)out->d[1] * out->d[2],
                   .taps = l.taps,
                   .groups = 1,
                   .group_in = l.deep,
                   .group_out = out->d[3]};
    if (!cz_gemm_plan(g)) return false;
    *bytes = g->scratch;
    return cz_layout(bytes, l.deep, 4, padding) && cz_layout(bytes, g->chunk * copies_of(call), l.deep * 4, copies) &&
           cz_align_up(*bytes, bytes);
}

static bool prepare(cz_call *call) {
    if (is_depthwise(call)) {
        cz_attr_conv2d attr;
        cz_call as = as_conv2d(call, &attr);
        if (!cz_depthwise_prepare(&as, cz_max(quads_of(call), 1) * CZ_BLOCK)) return false;
        call->units = as.units;
        call->scratch = as.scratch;
        return true;
    }
    cz_gemm g;
    size_t padding, copies;
    if (!plan(call, &g, &padding, &copies, &call->scratch)) return false;
    call->units = g.units;
    return true;
}

/** v in steps of the result, in the limits of u8. NaN: 0. */
static float stepped(const cz_epilogue *e, float v) {
    v = v * e->steps + e->zero;
    return v > CZ_U8_MAX ? CZ_U8_MAX : v > 0 ? v : 0;
}

static cz_epilogue epilogue_of(const cz_call *call, const float *const *in, const layout *l) {
    const cz_attr_conv2d_i8 *a = call->attr;
    cz_epilogue e = cz_epilogue_make(in, a->act, a->act_p0, a->act_p1, a->residual);
    e.factor = call->packed;
    e.start = (const int32_t *)(const void *)((const unsigned char *)call->packed + l->start);
    const bool relu = e.act == CZ_ACT_LEAKY_RELU && e.p0 == 0;
    e.direct = is_direct(a);
    if (a->out_scale == 0) return e;
    e.steps = 1.0f / a->out_scale;
    e.zero = (float)a->out_zero;
    e.low = relu || e.act == CZ_ACT_CLAMP ? stepped(&e, e.p0) : 0;
    e.high = e.act == CZ_ACT_CLAMP ? stepped(&e, e.p1) : CZ_U8_MAX;
    e.bounded = e.steps * facts_in(call->packed, l)->reach < CZ_BOUNDED;
    return e;
}

static cz_tile_fn *tile_of(const cz_call *call, const layout *l) {
    const cz_set *set = call->set;
    const bool wide = facts_in(call->packed, l)->wide;
    if (set->tile_i8_fast != NULL && cz_cpu_has_fast_dot()) return set->tile_i8_fast;
    return wide && set->tile_i8_wide != NULL ? set->tile_i8_wide : set->tile_i8;
}

static void run(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end, void *scratch) {
    const cz_attr_conv2d_i8 *a = call->attr;
    cz_attr_conv2d attr;
    const cz_call as = as_conv2d(call, &attr);
    cz_conv c = cz_conv_make(&as);
    cz_gemm g;
    layout l;
    size_t padding, copies, bytes;
    if (!layout_of(call, &l)) return; /* cannot be: packed_size() has said so */
    const float *weights = (const float *)(const void *)((const unsigned char *)call->packed + l.weights);
    const cz_epilogue e = epilogue_of(call, in, &l);
    c.x = in[0];
    c.bytes = true;
    c.zero = (float)a->x_zero;
    if (is_depthwise(call)) {
        cz_depthwise_run(&as, &c, l.block, weights, &e, out, begin, end, scratch);
        return;
    }
    if (!plan(call, &g, &padding, &copies, &bytes)) return; /* the same */
    g.apart = c.pointwise ? c.step : 0;
    c.zeros = memset((unsigned char *)scratch + padding, a->x_zero, l.deep * 4);
    const cz_joined j = {.c = c,
                         .rows = scratch,
                         .copies = (uint8_t *)scratch + copies,
                         .row = l.deep * 4,
                         .each = copies_of(call) * l.deep * 4};
    cz_gemm_run(&g, tile_of(call, &l), weights, &e, joins(call) ? cz_joined_rows : cz_conv_rows,
                joins(call) ? (const void *)&j : &c, out, call->out.d[3], begin, end, scratch);
}

const cz_kernel cz_kernel_conv2d_i8 = {packed_size, pack, prepare, run};
