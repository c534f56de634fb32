/* SPDX-License-Identifier: BSD-2-Clause
 * layer_norm over the last axis, C elements a row:
 *   mean = sum x / C;  var = sum (x - mean)^2 / C;  r = 1 / sqrt(var + eps)
 *   y = fma((x - mean) r, gamma, beta), gamma and beta where given: one product or one sum alone where only one is.
 * Both sums: lane j adds elements j, j + 16, ... in order (the squares by fma), then the tree of vf_sum.
 * Unit: whole rows, about 8192 elements. Divisions and roots are done for up to 16 rows at a time, a row in each lane.
 */
#include "kernels/light.h"

static bool prepare(cz_call *call) {
    call->units = cz_ceil_div(cz_product(&call->out, 0, 3), cz_rows_a_unit(call->out.d[3]));
    call->scratch = 0;
    return true;
}

static float sum_of(const float *x, size_t c) {
    vf sum = vf_zero();
    VF_FOR(i, c, n) sum = vf_add(sum, vf_load_n(x + i, n));
    return vf_sum(sum);
}

static float squares_of(const float *x, size_t c, vf mean) {
    vf squares = vf_zero();
    size_t i = 0;
    for (; i + VL <= c; i += VL) {
        const vf d = vf_sub(vf_load(x + i), mean);
        squares = vf_fma(d, d, squares);
    }
    if (i < c) {
        const vf d = vf_select(vm_first(c - i), vf_sub(vf_load_n(x + i, c - i), mean), vf_zero());
        squares = vf_fma(d, d, squares);
    }
    return vf_sum(squares);
}

static void normalize(const float *x, size_t c, vf mean, vf r, const float *gamma, const float *beta, float *y) {
    if (gamma && beta) {
        VF_FOR(i, c, n) {
            const vf v = vf_mul(vf_sub(vf_load_n(x + i, n), mean), r);
            vf_store_n(y + i, vf_fma(v, vf_load_n(gamma + i, n), vf_load_n(beta + i, n)), n);
        }
        return;
    }
    VF_FOR(i, c, n) {
        vf v = vf_mul(vf_sub(vf_load_n(x + i, n), mean), r);
        if (gamma)
            v = vf_mul(v, vf_load_n(gamma + i, n));
        else if (beta)
            v = vf_add(v, vf_load_n(beta + i, n));
        vf_store_n(y + i, v, n);
    }
}

/** At most 16 rows. */
static void run_rows(const cz_attr_layer_norm *a, const float *x, size_t rows, size_t c, const float *gamma,
                     const float *beta, float *y) {
    const vf count = vf_set1((float)c);
    float mean[VL] = {0}, r[VL] = {0};
    for (size_t k = 0; k < rows; k++) mean[k] = sum_of(x + k * c, c);
    vf_store(mean, vf_div(vf_load(mean), count));
    for (size_t k = 0; k < rows; k++) r[k] = squares_of(x + k * c, c, vf_set1(mean[k]));
    const vf variance = vf_div(vf_load(r), count);
    vf_store(r, vf_div(vf_set1(1.0f), vf_sqrt(vf_add(variance, vf_set1(a->eps)))));
    for (size_t k = 0; k < rows; k++) normalize(x + k * c, c, vf_set1(mean[k]), vf_set1(r[k]), gamma, beta, y + k * c);
}

static void run(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end, void *scratch) {
    (void)scratch;
    const size_t c = call->out.d[3], each = cz_rows_a_unit(c), most = cz_min(each, VL);
    const size_t last = cz_min(end * each, cz_product(&call->out, 0, 3));
    for (size_t row = begin * each; row < last; row += most)
        run_rows(call->attr, in[0] + row * c, cz_min(most, last - row), c, in[1], in[2], out + row * c);
}

const cz_kernel CZ_NAME(cz_kernel_layer_norm) = {.prepare = prepare, .run = run};
