/* SPDX-License-Identifier: BSD-2-Clause
 * softmax along one axis: e = exp((x - max) t), y = e (1 / sum e), with t = 1 / temperature rounded to f32.
 * Where the axis is contiguous, a row: the maximum and the sum over 16 lanes, lane j taking elements j, j + 16, ...
 * in order, then the trees of vf_hmax and vf_sum. Otherwise a lane is one inner element and goes along the axis in
 * order. Unit: whole rows, or 64 inner elements of one outer one. */
#include "kernels/light.h"
#include "kernels/math.h"

#include <float.h>

#define COLUMNS ((size_t)64) /* inner elements of a unit: four vectors */

typedef struct geometry {
    size_t outer, length, inner;
} geometry;

static geometry geometry_of(const cz_call *call) {
    const cz_attr_softmax *a = call->attr;
    return (geometry){cz_product(&call->out, 0, a->axis), call->out.d[a->axis], cz_product(&call->out, a->axis + 1, 4)};
}

static bool prepare(cz_call *call) {
    const geometry g = geometry_of(call);
    call->units =
        g.inner == 1 ? cz_ceil_div(g.outer, cz_rows_a_unit(g.length)) : g.outer * cz_ceil_div(g.inner, COLUMNS);
    call->scratch = 0;
    return true;
}

static void softmax_row(const float *x, float *y, size_t length, vf t) {
    const vf lowest = vf_set1(-FLT_MAX);
    vf max = lowest, sum = vf_zero();
    VF_FOR(i, length, n) max = vf_max(vf_select(vm_first(n), vf_load_n(x + i, n), lowest), max);
    max = vf_set1(vf_hmax(max));
    VF_FOR(i, length, n) {
        const vf e = vf_exp_neg(vf_mul(vf_sub(vf_load_n(x + i, n), max), t));
        sum = vf_add(sum, n == VL ? e : vf_select(vm_first(n), e, vf_zero()));
        vf_store_n(y + i, e, n);
    }
    const vf r = vf_div(vf_set1(1.0f), vf_set1(vf_sum(sum)));
    VF_FOR(i, length, n) vf_store_n(y + i, vf_mul(vf_load_n(y + i, n), r), n);
}

/** n inner elements, their steps along the axis `inner` apart. */
static void softmax_lanes(const float *x, float *y, size_t length, size_t inner, size_t n, vf t) {
    vf max = vf_set1(-FLT_MAX), sum = vf_zero();
    for (size_t i = 0; i < length; i++) max = vf_max(vf_load_n(x + i * inner, n), max);
    for (size_t i = 0; i < length; i++) {
        const vf e = vf_exp_neg(vf_mul(vf_sub(vf_load_n(x + i * inner, n), max), t));
        sum = vf_add(sum, e);
        vf_store_n(y + i * inner, e, n);
    }
    const vf r = vf_div(vf_set1(1.0f), sum);
    for (size_t i = 0; i < length; i++) vf_store_n(y + i * inner, vf_mul(vf_load_n(y + i * inner, n), r), n);
}

static void run(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end, void *scratch) {
    (void)scratch;
    const cz_attr_softmax *a = call->attr;
    const geometry g = geometry_of(call);
    const vf t = vf_set1(1.0f / a->temperature);
    if (g.inner == 1) {
        const size_t each = cz_rows_a_unit(g.length), last = cz_min(end * each, g.outer);
        for (size_t r = begin * each; r < last; r++) softmax_row(in[0] + r * g.length, out + r * g.length, g.length, t);
        return;
    }
    const size_t blocks = cz_ceil_div(g.inner, COLUMNS);
    for (size_t u = begin; u < end; u++) {
        const size_t column = u % blocks * COLUMNS, at = u / blocks * g.length * g.inner + column;
        VF_FOR(i, cz_min(COLUMNS, g.inner - column), n)
        softmax_lanes(in[0] + at + i, out + at + i, g.length, g.inner, n, t);
    }
}

const cz_kernel CZ_NAME(cz_kernel_softmax) = {.prepare = prepare, .run = run};
