/* SPDX-License-Identifier: BSD-2-Clause
 * linear: out[r][n] = epilogue(sum), sum = bias[n]; for k ascending: sum = fma(x[r][k], w[n][k], sum). */
#include "kernels/set.h"

static bool packed_size(const cz_call *call, size_t *bytes) {
    const cz_shape *w = &call->weight->shape;
    return cz_gemm_packed(1, w->d[0], 1, w->d[3], bytes) && cz_mul(*bytes, sizeof(float), bytes);
}

static void pack(const cz_call *call, void *packed) {
    const cz_shape *w = &call->weight->shape;
    cz_pack_rows(call->weight, 0, w->d[0], w->d[3], packed);
}

static bool plan(const cz_call *call, cz_gemm *g) {
    const cz_shape *x = &call->in[0];
    *g = (cz_gemm){.set = call->set, .taps = 1, .groups = 1, .group_in = x->d[3], .group_out = call->out.d[3]};
    g->pixels = (size_t)x->d[0] * x->d[1] * x->d[2];
    return cz_gemm_plan(g);
}

static bool prepare(cz_call *call) {
    cz_gemm g;
    if (!plan(call, &g)) return false;
    call->units = g.units;
    call->scratch = g.scratch;
    return true;
}

static void run(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end, void *scratch) {
    const cz_attr_linear *a = call->attr;
    const cz_epilogue e = cz_epilogue_make(in, a->act, a->act_p0, a->act_p1, a->residual);
    const cz_dense_rows rows = {in[0], call->in[0].d[3]};
    cz_gemm g;
    if (!plan(call, &g)) return; /* cannot be: prepare() has made the same plan */
    cz_gemm_run(&g, call->set->tile, call->packed, &e, cz_fill_dense, &rows, out, call->out.d[3], begin, end, scratch);
}

const cz_kernel cz_kernel_linear = {packed_size, pack, prepare, run};
