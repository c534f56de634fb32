/* SPDX-License-Identifier: BSD-2-Clause
 * layer_norm over the last axis, C elements a row:
 *   mean = sum x / C;  var = sum (x - mean)^2 / C;  r = 1 / sqrt(var + eps)
 *   y = fma((x - mean) r, gamma, beta), gamma and beta where given: one product or one sum alone where only one is.
 * Both sums: lane j adds elements j, j + 16, ... in order (the squares by fma), then the tree of vf_sum.
 * Unit: whole rows, about 8192 elements. */
#include "kernels/light.h"

static bool prepare(cz_call *call) {
    call->units = cz_ceil_div(cz_product(&call->out, 0, 3), cz_rows_a_unit(call->out.d[3]));
    call->scratch = 0;
    return true;
}

static void statistics(const float *x, size_t c, float eps, vf *mean, vf *r) {
    const vf count = vf_set1((float)c);
    vf sum = vf_zero(), squares = vf_zero();
    VF_FOR(i, c, n) sum = vf_add(sum, vf_load_n(x + i, n));
    *mean = vf_div(vf_set1(vf_sum(sum)), count);
    size_t i = 0;
    for (; i + VL <= c; i += VL) {
        const vf d = vf_sub(vf_load(x + i), *mean);
        squares = vf_fma(d, d, squares);
    }
    if (i < c) {
        const vf d = vf_select(vm_first(c - i), vf_sub(vf_load_n(x + i, c - i), *mean), vf_zero());
        squares = vf_fma(d, d, squares);
    }
    const vf variance = vf_div(vf_set1(vf_sum(squares)), count);
    *r = vf_div(vf_set1(1.0f), vf_sqrt(vf_add(variance, vf_set1(eps))));
}

static void run(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end, void *scratch) {
    (void)scratch;
    const cz_attr_layer_norm *a = call->attr;
    const size_t c = call->out.d[3], each = cz_rows_a_unit(c);
    const size_t last = cz_min(end * each, cz_product(&call->out, 0, 3));
    const float *gamma = in[1], *beta = in[2];
    for (size_t row = begin * each; row < last; row++) {
        const float *x = in[0] + row * c;
        float *y = out + row * c;
        vf mean, r;
        statistics(x, c, a->eps, &mean, &r);
        VF_FOR(i, c, n) {
            vf v = vf_mul(vf_sub(vf_load_n(x + i, n), mean), r);
            if (gamma && beta)
                v = vf_fma(v, vf_load_n(gamma + i, n), vf_load_n(beta + i, n));
            else if (gamma)
                v = vf_mul(v, vf_load_n(gamma + i, n));
            else if (beta)
                v = vf_add(v, vf_load_n(beta + i, n));
            vf_store_n(y + i, v, n);
        }
    }
}

const cz_kernel CZ_NAME(cz_kernel_layer_norm) = {.prepare = prepare, .run = run};
