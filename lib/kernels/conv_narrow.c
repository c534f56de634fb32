/* SPDX-License-Identifier: BSD-2-Clause
 * Dense convolution to at most 4 output channels, stride and dilation 1: formula and order of conv.c, but the 16 lanes
 * are neighbouring pixels of an output row, where lanes of output channels would be mostly empty. The input rows within
 * reach are turned to [channel][x] first. A unit is a band of output rows. */
#include "kernels/set.h"

#define LEAST  6                 /* taps: with fewer, turning costs more than it saves */
#define TURNED ((size_t)1 << 19) /* bytes of the turned rows, at most */
#define VALUES (CZ_NARROW_STEP * CZ_NARROW_OUT)

/** Where the parts of the scratch lie, and how rows are shared out. */
typedef struct layout {
    size_t span, band, turned, scale, shift, bytes;
} layout;

static bool layout_of(const cz_call *call, layout *l) {
    const cz_shape *w = &call->weight->shape;
    *l = (layout){.span = cz_ceil_div(call->out.d[2], CZ_NARROW_STEP) * CZ_NARROW_STEP + w->d[2] - 1};
    l->band = cz_max(4, cz_min(16, call->out.d[1] / 8));
    size_t row;
    return cz_mul(l->span, w->d[3], &row) && cz_mul(row, w->d[1], &row) && row <= TURNED / sizeof(float) &&
           cz_layout(&l->bytes, row, sizeof(float), &l->turned) &&
           cz_layout(&l->bytes, VALUES, sizeof(float), &l->scale) &&
           cz_layout(&l->bytes, VALUES, sizeof(float), &l->shift) && cz_align_up(l->bytes, &l->bytes);
}

bool cz_narrow_fits(const cz_call *call) {
    const cz_attr_conv2d *a = call->attr;
    layout l;
    const cz_shape *w = &call->weight->shape;
    return w->d[1] * w->d[2] >= LEAST && a->groups == 1 && call->out.d[3] <= CZ_NARROW_OUT &&
           call->out.d[2] >= CZ_BLOCK && a->stride_h == 1 && a->stride_w == 1 && a->dilation_h == 1 &&
           a->dilation_w == 1 && layout_of(call, &l);
}

bool cz_narrow_prepare(cz_call *call) {
    layout l;
    if (!layout_of(call, &l)) return false;
    call->scratch = l.bytes;
    return cz_mul(call->out.d[0], cz_ceil_div(call->out.d[1], l.band), &call->units);
}

/** A channel's parameter for every value of a row of pixels. */
static const float *repeat(const float *given, size_t channels, float *to) {
    if (given == NULL) return NULL;
    for (size_t i = 0; i < VALUES; i++) to[i] = given[i % channels];
    return to;
}

void cz_narrow_run(const cz_call *call, const cz_epilogue *e, const float *x, float *out, size_t begin, size_t end,
                   void *scratch) {
    unsigned char *base = scratch;
    const float zero = 0;
    layout l;
    if (!layout_of(call, &l)) return; /* cannot be: prepare() has made the same */
    cz_narrow j = {.c = cz_conv_make(call), .e = *e, .bias = e->bias, .weights = call->packed, .out = call->out.d[3]};
    j.kernel = (size_t)j.c.kernel_h;
    j.span = l.span;
    j.turned = (float *)(void *)(base + l.turned);
    j.e.bias = NULL;
    j.e.scale = repeat(e->scale, j.out, (float *)(void *)(base + l.scale));
    j.e.shift = repeat(e->shift, j.out, (float *)(void *)(base + l.shift));
    j.c.x = x;
    j.c.zeros = &zero;
    const size_t height = call->out.d[1], bands = cz_ceil_div(height, l.band), row = j.c.channels * j.span;
    for (size_t unit = begin; unit < end; unit++) {
        const size_t image = unit / bands, first = unit % bands * l.band, last = cz_min(first + l.band, height);
        for (size_t oy = first; oy < last; oy++) {
            /* of the rows within reach, all are new at first and only the last one after that */
            for (size_t ky = oy == first ? 0 : j.kernel - 1; ky < j.kernel; ky++)
                call->set->narrow_turn(&j, image, (int64_t)(oy + ky) - j.c.pad_top,
                                       j.turned + (oy + ky) % j.kernel * row);
            call->set->narrow_row(&j, image * height + oy, oy, out);
        }
    }
}
