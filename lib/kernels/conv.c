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

/* With very few input channels the loop over them is too short to be fast. What a tile's pixels read of an input row is
 * then copied, padding and all: a kernel row is one tap of all its columns' channels, and the taps of neighbours
 * overlap. Terms come in the same order, and the packed weights are the same.
 *
 * A channel whose weights are all 0, that of a hint in a stem that was trained without, is not copied either where the
 * stride is more than 1. Other kernels, which read the same packed weights, may do strides of 1 at some sizes. */
#define LONGEST 256 /* of a kernel: taps by channels */

static bool has_few(const cz_call *call) {
    const cz_attr_conv2d *a = call->attr;
    const cz_shape *w = &call->weight->shape;
    const uint32_t taps = w->d[1] * w->d[2]; /* fits: kernels have a limit */
    return a->groups == 1 && taps > 1 && w->d[3] <= CZ_FEW && taps * w->d[3] <= LONGEST && a->dilation_w == 1 &&
           (uint32_t)a->stride_w <= w->d[2];
}

static bool chooses(const cz_call *call) {
    const cz_attr_conv2d *a = call->attr;
    return (a->stride_h > 1 || a->stride_w > 1) && has_few(call);
}

static size_t before_weights(const cz_call *call) { return chooses(call) ? CZ_ALIGN : 0; }

static const float *weights_of(const cz_call *call) {
    return (const float *)(const void *)((const unsigned char *)call->packed + before_weights(call));
}

static cz_chosen chosen_of(const cz_call *call) {
    if (chooses(call)) return *(const cz_chosen *)call->packed;
    return (cz_chosen){call->weight->shape.d[3], {0, 1, 2, 3}};
}

static void pack_chosen(const cz_call *call, void *packed) {
    const cz_constant *w = call->weight;
    const size_t channels = w->shape.d[3], taps = (size_t)w->shape.d[1] * w->shape.d[2], depth = taps * channels;
    float row[LONGEST], *to = (float *)packed + CZ_ALIGN / sizeof(float);
    bool used[CZ_FEW] = {false};
    cz_chosen *c = packed;
    for (size_t o = 0; o < w->shape.d[0]; o++) {
        cz_constant_read(w, o * depth, depth, row);
        for (size_t k = 0; k < depth; k++) used[k % channels] |= row[k] != 0;
    }
    for (uint32_t i = 0; i < channels; i++)
        if (used[i]) c->channel[c->count++] = i; /* `packed` was all 0 */
    if (c->count == 0) c->count = 1;             /* a sum is of something, if only of 0 */
    for (size_t o = 0; o < w->shape.d[0]; o++) {
        float *at = to + o / CZ_BLOCK * taps * c->count * CZ_BLOCK + o % CZ_BLOCK;
        cz_constant_read(w, o * depth, depth, row);
        for (size_t t = 0; t < depth; t += channels)
            for (size_t i = 0; i < c->count; i++, at += CZ_BLOCK) *at = row[t + c->channel[i]];
    }
}

static bool packed_size(const cz_call *call, size_t *bytes) {
    const cz_attr_conv2d *a = call->attr;
    const cz_shape *w = &call->weight->shape;
    const size_t groups = (size_t)a->groups, taps = (size_t)w->d[1] * w->d[2];
    const bool fits = is_depthwise(call) ? cz_gemm_packed(1, groups, taps, 1, bytes)
                                         : cz_gemm_packed(groups, w->d[0] / groups, taps, w->d[3], bytes);
    return fits && cz_mul(*bytes, sizeof(float), bytes) && cz_add(*bytes, before_weights(call), bytes);
}

static void pack(const cz_call *call, void *packed) {
    const cz_attr_conv2d *a = call->attr;
    const cz_shape *w = &call->weight->shape;
    const size_t depth = (size_t)w->d[1] * w->d[2] * w->d[3];
    const size_t groups = is_depthwise(call) ? 1 : (size_t)a->groups, group_out = w->d[0] / groups;
    size_t group_floats = 0;
    if (chooses(call)) {
        pack_chosen(call, packed);
        return;
    }
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
    if (has_few(call)) {
        g->group_in = (size_t)w->d[2] * chosen_of(call).count;
        g->taps = w->d[1];
    }
    return cz_gemm_plan(g);
}

/** The scratch of the direct kernel: row pointers, a pixel of zeros, copies of input. */
static bool lay_out(const cz_call *call, const cz_gemm *g, size_t *zeros, size_t *values, size_t *end) {
    const size_t each = has_few(call) ? call->set->pixels * g->taps * g->group_in : 0; /* LONGEST a pixel at most */
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
    cz_few c = {.c = cz_conv_make(call), .rows = scratch};
    cz_gemm g;
    size_t zeros, values, bytes;
    if (!plan(call, &g) || !lay_out(call, &g, &zeros, &values, &bytes)) return; /* cannot be: prepare() did the same */
    unsigned char *base = scratch;
    c.c.zeros = memset(base + zeros, 0, c.c.channels * sizeof(float));
    c.c.x = in[0];
    c.values = (float *)(void *)(base + values);
    c.depth = g.group_in;
    const bool copies = has_few(call);
    if (copies) c.chosen = chosen_of(call);
    cz_gemm_run(&g, call->set->tile, weights_of(call), &e, copies ? cz_few_rows : cz_conv_rows,
                copies ? (const void *)&c : &c.c, out, c.c.out_step, begin, end, scratch);
}

const cz_kernel cz_kernel_conv2d = {packed_size, pack, prepare, run};
