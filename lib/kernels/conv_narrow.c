/* SPDX-License-Identifier: BSD-2-Clause
 * Dense convolution to at most 4 output channels, stride and dilation 1: formula and order of conv.c, but the 16 lanes
 * are neighbouring pixels of an output row, where lanes of output channels would be mostly empty. The input rows within
 * reach are turned to [channel][x] first. A unit is a band of output rows. */
#include "kernels/conv.h"
#include "kernels/micro.h"

#define SUMS   (CZ_MR >= 8 ? 8 : 4) /* vectors of sums in registers */
#define MOST   4                    /* output channels */
#define LEAST  6                    /* taps: with fewer, turning costs more than it saves */
#define STEP   (SUMS / 2 * VL)      /* pixels of a row at a time, at most */
#define WHOLE  64                   /* a row is rounded up to; of every set the same, as it decides what fits */
#define TURNED ((size_t)1 << 19)    /* bytes of the turned rows, at most */
_Static_assert(WHOLE % STEP == 0, "blocks of pixels end where a turned row does");

typedef struct job {
    cz_conv c;
    cz_epilogue e;        /* over a row's values: pixels times channels */
    const float *bias;    /* by channel; NULL: none */
    const float *weights; /* [tap][input channel][16] */
    size_t out, kernel;   /* channels; rows of the kernel */
    size_t span;          /* floats of one turned row and channel */
    float *turned; /* [kernel][input channel][span]: row i of the input, counted with its padding, in i % kernel */
    float *results;
} job;

/** Where the parts of the scratch lie, and how rows are shared out. */
typedef struct layout {
    size_t span, band, turned, results, scale, shift, bytes;
} layout;

static bool layout_of(const cz_call *call, layout *l) {
    const cz_shape *w = &call->weight->shape;
    *l = (layout){.span = cz_ceil_div(call->out.d[2], WHOLE) * WHOLE + w->d[2] - 1};
    l->band = cz_max(4, cz_min(16, call->out.d[1] / 8));
    size_t row;
    return cz_mul(l->span, w->d[3], &row) && cz_mul(row, w->d[1], &row) && row <= TURNED / sizeof(float) &&
           cz_layout(&l->bytes, row, sizeof(float), &l->turned) &&
           cz_layout(&l->bytes, STEP * MOST, sizeof(float), &l->results) &&
           cz_layout(&l->bytes, STEP * MOST, sizeof(float), &l->scale) &&
           cz_layout(&l->bytes, STEP * MOST, sizeof(float), &l->shift) && cz_align_up(l->bytes, &l->bytes);
}

bool CZ_NAME(cz_narrow_fits)(const cz_call *call) {
    const cz_attr_conv2d *a = call->attr;
    layout l;
    const cz_shape *w = &call->weight->shape;
    return w->d[1] * w->d[2] >= LEAST && a->groups == 1 && call->out.d[3] <= MOST && call->out.d[2] >= VL &&
           a->stride_h == 1 && a->stride_w == 1 && a->dilation_h == 1 && a->dilation_w == 1 && layout_of(call, &l);
}

bool CZ_NAME(cz_narrow_prepare)(cz_call *call) {
    layout l;
    if (!layout_of(call, &l)) return false;
    call->scratch = l.bytes;
    return cz_mul(call->out.d[0], cz_ceil_div(call->out.d[1], l.band), &call->units);
}

/** Turns input row y, which may lie in the padding. */
static void turn(const job *j, size_t image, int64_t y, float *to) {
    const cz_conv *c = &j->c;
    int32_t steps[VL];
    for (int32_t i = 0; i < VL; i++) steps[i] = i * (int32_t)c->channels;
    const vi index = vi_load(steps);
    for (size_t i = 0; i < j->span;) {
        const int64_t x = (int64_t)i - c->pad_left;
        const float *pixel = cz_conv_pixel(c, image, y, x);
        if (x >= 0 && x + VL <= c->width && i + VL <= j->span && pixel != c->zeros) {
            for (size_t k = 0; k < c->channels; k++) vf_store(to + k * j->span + i, vf_gather(pixel + k, index));
            i += VL;
            continue;
        }
        const bool outside = pixel == c->zeros;
        for (size_t k = 0; k < c->channels; k++) to[k * j->span + i] = outside ? 0 : pixel[k];
        i++;
    }
}

/** Sums of wide * 16 pixels from x on and `out` channels, both constant where inlined, to results[channel][pixel]. */
CZ_INLINE void sum_block(const job *j, size_t oy, size_t x, int wide, int out) {
    vf sum[MOST][SUMS];
    CZ_UNROLL for (int o = 0; o < out; o++) {
        const bool given = j->bias != NULL && (size_t)o < j->out;
        CZ_UNROLL for (int b = 0; b < wide; b++) sum[o][b] = given ? vf_set1(j->bias[o]) : vf_zero();
    }
    const float *w = j->weights;
    for (size_t ky = 0; ky < j->kernel; ky++) {
        const float *row = j->turned + (oy + ky) % j->kernel * j->c.channels * j->span + x;
        for (int64_t kx = 0; kx < j->c.kernel_w; kx++, row++) {
            const float *at = row;
            for (size_t i = 0; i < j->c.channels; i++, at += j->span, w += VL) {
                vf v[SUMS];
                CZ_UNROLL for (int b = 0; b < wide; b++) v[b] = vf_load(at + b * VL);
                CZ_UNROLL for (int o = 0; o < out; o++) {
                    const vf weight = vf_set1(w[o]);
                    CZ_UNROLL for (int b = 0; b < wide; b++) sum[o][b] = vf_fma(v[b], weight, sum[o][b]);
                }
            }
        }
    }
    CZ_UNROLL for (int o = 0; o < out; o++) {
        CZ_UNROLL for (int b = 0; b < wide; b++) vf_store(j->results + (o * wide + b) * VL, sum[o][b]);
    }
}

static void sum_two(const job *j, size_t oy, size_t x) { sum_block(j, oy, x, SUMS / 2, 2); }
static void sum_four(const job *j, size_t oy, size_t x) { sum_block(j, oy, x, SUMS / 4, 4); }

/** One output row, whose input rows are turned. */
static void run_row(const job *j, size_t row, size_t oy, float *out) {
    const size_t width = (size_t)j->c.out_width, step = j->out > 2 ? STEP / 2 : STEP;
    for (size_t x = 0; x < width; x += step) {
        const size_t count = cz_min(step, width - x), at = (row * width + x) * j->out;
        (j->out > 2 ? sum_four : sum_two)(j, oy, x);
        float values[STEP * MOST];
        for (size_t o = 0; o < j->out; o++)
            for (size_t i = 0; i < count; i++) values[i * j->out + o] = j->results[o * step + i];
        VF_FOR(i, count * j->out, n) {
            const float *r = j->e.residual ? j->e.residual + at + i : NULL;
            vf_store_n(out + at + i, cz_epilogue_apply(&j->e, vf_load_n(values + i, n), r, i, n), n);
        }
    }
}

/** A channel's parameter for every value of a row of pixels. */
static const float *repeat(const float *given, size_t channels, float *to) {
    if (given == NULL) return NULL;
    for (size_t i = 0; i < STEP * MOST; i++) to[i] = given[i % channels];
    return to;
}

void CZ_NAME(cz_narrow_run)(const cz_call *call, const cz_epilogue *e, const float *x, float *out, size_t begin,
                            size_t end, void *scratch) {
    unsigned char *base = scratch;
    const float zero = 0;
    layout l;
    if (!layout_of(call, &l)) return; /* cannot be: prepare() has made the same */
    job j = {.c = cz_conv_make(call), .e = *e, .bias = e->bias, .weights = call->packed, .out = call->out.d[3]};
    j.kernel = (size_t)j.c.kernel_h;
    j.span = l.span;
    j.turned = (float *)(void *)(base + l.turned);
    j.results = (float *)(void *)(base + l.results);
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
                turn(&j, image, (int64_t)(oy + ky) - j.c.pad_top, j.turned + (oy + ky) % j.kernel * row);
            run_row(&j, image * height + oy, oy, out);
        }
    }
}
