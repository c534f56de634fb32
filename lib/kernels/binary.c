/* SPDX-License-Identifier: BSD-2-Clause
 * add: y = act(a + b); mul: y = act(a b); every dimension of b is a's or 1. Element by element, so there is no order.
 * Unit: about 8192 elements, whole pixels. */
#define CZ_LANE_WISE /* see vec.h */
#include "kernels/epilogue.h"
#include "kernels/light.h"

typedef struct binary {
    bool mul;
    int32_t act;
    float p0, p1;
} binary;

/** n elements; b has as many. */
static void same(const binary *op, const float *a, const float *b, float *y, size_t n) {
    if (op->mul)
        VF_FOR(i, n, m) vf_store_n(y + i, vf_mul(vf_load_n(a + i, m), vf_load_n(b + i, m)), m);
    else
        VF_FOR(i, n, m) vf_store_n(y + i, vf_add(vf_load_n(a + i, m), vf_load_n(b + i, m)), m);
}

/** n elements with one b. */
static void single(const binary *op, const float *a, float b, float *y, size_t n) {
    const vf v = vf_set1(b);
    if (op->mul)
        VF_FOR(i, n, m) vf_store_n(y + i, vf_mul(vf_load_n(a + i, m), v), m);
    else
        VF_FOR(i, n, m) vf_store_n(y + i, vf_add(vf_load_n(a + i, m), v), m);
}

static bool prepare(cz_call *call) {
    call->units = cz_ceil_div(cz_product(&call->out, 0, 3), cz_rows_a_unit(call->out.d[3]));
    call->scratch = 0;
    return true;
}

/** Pixels w .. w_end - 1 of one row of a; b is at the row of b that goes with it. */
static void row(const binary *op, const cz_call *call, const float *a, const float *b, float *y, size_t w,
                size_t w_end) {
    const size_t c = call->out.d[3], bw = call->in[1].d[2], bc = call->in[1].d[3];
    if (bc == c && bw == call->out.d[2]) {
        same(op, a + w * c, b + w * c, y + w * c, (w_end - w) * c);
    } else if (bw == 1 && bc == 1) {
        single(op, a + w * c, b[0], y + w * c, (w_end - w) * c);
    } else {
        for (; w < w_end; w++) {
            const float *v = b + (bw == 1 ? 0 : w) * bc;
            if (bc == 1)
                single(op, a + w * c, v[0], y + w * c, c);
            else
                same(op, a + w * c, v, y + w * c, c);
        }
    }
}

static void run(const binary *op, const cz_call *call, const float *const *in, float *out, size_t begin, size_t end) {
    const size_t height = call->out.d[1], width = call->out.d[2], c = call->out.d[3];
    const size_t pixels = cz_product(&call->out, 0, 3), each = cz_rows_a_unit(c);
    const cz_shape *b = &call->in[1];
    const size_t b_row = (size_t)b->d[2] * b->d[3];
    const size_t last = cz_min(end * each, pixels);
    for (size_t p = begin * each; p < last;) {
        const size_t w = p % width, y = p / width, h = y % height, n = y / height;
        const size_t w_end = cz_min(width, w + (last - p));
        const size_t b_y = (b->d[0] == 1 ? 0 : n) * b->d[1] + (b->d[1] == 1 ? 0 : h);
        row(op, call, in[0] + y * width * c, in[1] + b_y * b_row, out + y * width * c, w, w_end);
        CZ_NAME(cz_activate)(op->act, op->p0, op->p1, out + (y * width + w) * c, (w_end - w) * c);
        p += w_end - w;
    }
}

static void run_add(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end, void *scratch) {
    (void)scratch;
    const cz_attr_add *a = call->attr;
    run(&(binary){false, a->act, a->act_p0, a->act_p1}, call, in, out, begin, end);
}

static void run_mul(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end, void *scratch) {
    (void)scratch;
    const cz_attr_mul *a = call->attr;
    run(&(binary){true, a->act, a->act_p0, a->act_p1}, call, in, out, begin, end);
}

const cz_kernel CZ_NAME(cz_kernel_add) = {.prepare = prepare, .run = run_add};
const cz_kernel CZ_NAME(cz_kernel_mul) = {.prepare = prepare, .run = run_mul};
