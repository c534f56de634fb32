/* SPDX-License-Identifier: BSD-2-Clause
 * Models out of bytes. Shapes are followed while a model grows, so that weights fit and most operators are accepted;
 * one that its shape rule refuses is left out, or now and then kept, so that the refusal runs too. */
#include "fuzz.h"

enum { MOST_OPS = 10, MOST_ELEMENTS = 1 << 15 };

typedef struct source {
    const uint8_t *p;
    size_t n;
} source;

/** The next byte modulo `count`; 0 once all are used. */
static uint32_t pick(source *s, uint32_t count) {
    if (s->n == 0) return 0;
    s->n--;
    return *s->p++ % count;
}

typedef struct grower {
    mb_model *m;
    source s;
    mb_tensor tensor[MB_INPUTS + MB_OPS];
    cz_shape shape[MB_INPUTS + MB_OPS];
    uint32_t n;
} grower;

/** A size: mostly small, sometimes around a vector's or a tile's width. */
static uint32_t pick_size(source *s) {
    static const uint32_t sizes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33, 40, 48, 64, 65};
    return sizes[pick(s, CZ_COUNT(sizes))];
}

static mb_tensor constant(grower *g, uint32_t n, uint32_t h, uint32_t w, uint32_t c) {
    return mb_constant(g->m, "", CZ_F32 + pick(&g->s, 3), n, h, w, c);
}

static int32_t pick_int(grower *g, const cz_attr_info *row) {
    const int32_t low = row->low.i, high = row->high.i;
    const uint32_t how = pick(&g->s, 8), span = (uint32_t)(high - low);
    if (how == 7) return low + (int32_t)(pick_size(&g->s) % (span == UINT32_MAX ? span : span + 1));
    if (how > 3) return low;
    return low + (int32_t)(pick(&g->s, 5) % (span < 5 ? span + 1 : 5));
}

static float pick_float(grower *g, const cz_attr_info *row) {
    static const float values[] = {0, 1, 0.5f, 0.1f, 6, -1, 1e-3f, 30, -0.0f, 1e-20f, 1e6f, -1e6f, 1e3f, -3};
    const float v = values[pick(&g->s, CZ_COUNT(values))];
    return v < row->low.f || v > row->high.f ? 1 : v;
}

static void set_activation(int32_t act, float *p0, float *p1) {
    if (act == CZ_ACT_CLAMP && *p0 > *p1) *p1 = *p0 + 6;
    if (act != CZ_ACT_CLAMP) *p1 = 0;
    if (act != CZ_ACT_CLAMP && act != CZ_ACT_LEAKY_RELU) *p0 = 0;
}

static cz_attr pick_attr(grower *g, uint32_t id) {
    static const cz_attr_transpose orders[] = {{0, 1, 2, 3}, {0, 2, 1, 3}, {0, 3, 1, 2}, {0, 2, 3, 1},
                                               {3, 2, 1, 0}, {1, 0, 2, 3}, {0, 1, 3, 2}, {2, 3, 0, 1}};
    const cz_attr_info *row = cz_op_find(id)->attributes;
    cz_attr a = {{0}};
    for (size_t k = 0; row[k].name[0] != '\0'; k++) {
        const float f = row[k].is_float ? pick_float(g, &row[k]) : 0;
        const int32_t i = row[k].is_float ? 0 : pick_int(g, &row[k]);
        a.words[k] = (cz_attr){.reshape = {.n = i}}.words[0];
        if (row[k].is_float) a.words[k] = (cz_attr){.layer_norm = {.eps = f}}.words[0];
    }
    if (id == CZ_OP_conv2d) set_activation(a.conv2d.act, &a.conv2d.act_p0, &a.conv2d.act_p1);
    if (id == CZ_OP_conv_transpose2d)
        set_activation(a.conv_transpose2d.act, &a.conv_transpose2d.act_p0, &a.conv_transpose2d.act_p1);
    if (id == CZ_OP_linear || id == CZ_OP_add || id == CZ_OP_mul || id == CZ_OP_activation)
        set_activation(a.linear.act, &a.linear.act_p0, &a.linear.act_p1); /* the same three words */
    if (id == CZ_OP_transpose) a.transpose = orders[pick(&g->s, CZ_COUNT(orders))];
    if (id == CZ_OP_slice) a.slice.end += a.slice.begin;
    if (id == CZ_OP_pad && a.pad.mode != 0) a.pad.value = 0;
    if (id == CZ_OP_pool2d) {
        a.pool2d.pad_top %= a.pool2d.kernel_h, a.pool2d.pad_bottom %= a.pool2d.kernel_h;
        a.pool2d.pad_left %= a.pool2d.kernel_w, a.pool2d.pad_right %= a.pool2d.kernel_w;
        a.pool2d.count_pad &= a.pool2d.kind;
    }
    return a;
}

/** A divisor of both numbers: 1, the greatest, or one between. */
static uint32_t pick_divisor(source *s, uint32_t a, uint32_t b) {
    uint32_t d = 1 + pick(s, 64);
    if (pick(s, 3) == 0) d = a;
    while (a % d != 0 || b % d != 0) d--;
    return d;
}

static uint32_t any(grower *g) { return pick(&g->s, g->n); }

/** A tensor of the shape wanted, or a constant of it. */
static mb_tensor like(grower *g, const cz_shape *s) {
    for (uint32_t i = 0; i < g->n; i++)
        if (cz_elements(&g->shape[i]) == cz_elements(s) && g->shape[i].d[3] == s->d[3] && g->shape[i].d[1] == s->d[1])
            return g->tensor[i];
    return constant(g, s->d[0], s->d[1], s->d[2], s->d[3]);
}

/** Weight, bias, scale, shift and residual of a convolution or linear operator on x. */
static void add_weights(grower *g, uint32_t id, cz_attr *a, const cz_shape *x, mb_tensor in[CZ_MAX_INPUTS],
                        cz_shape shape[CZ_MAX_INPUTS]) {
    static const uint32_t kernels[] = {3, 1, 2, 4, 5, 7};
    const bool pointwise = id == CZ_OP_linear;
    uint32_t cout = pick(&g->s, 3) == 0 ? x->d[3] : pick_size(&g->s);
    const uint32_t groups = pointwise ? 1 : pick_divisor(&g->s, x->d[3], cout);
    const uint32_t kh = pointwise ? 1 : kernels[pick(&g->s, CZ_COUNT(kernels))];
    const uint32_t kw = pointwise ? 1 : pick(&g->s, 4) == 0 ? kernels[pick(&g->s, CZ_COUNT(kernels))] : kh;
    const uint32_t extra = pick(&g->s, 16);
    if (id == CZ_OP_conv2d) a->conv2d.groups = (int32_t)groups;
    if (id == CZ_OP_conv_transpose2d) a->conv_transpose2d.groups = (int32_t)groups;
    int32_t *residual = id == CZ_OP_conv2d             ? &a->conv2d.residual
                        : id == CZ_OP_conv_transpose2d ? &a->conv_transpose2d.residual
                                                       : &a->linear.residual;
    shape[1] = (cz_shape){{cout, kh, kw, x->d[3] / groups}};
    in[1] = constant(g, cout, kh, kw, x->d[3] / groups);
    const cz_shape vector = {{1, 1, 1, cout}};
    if (extra & 1) in[2] = constant(g, 1, 1, 1, cout), shape[2] = vector;
    if (extra & 2) in[3] = in[4] = like(g, &vector), shape[3] = shape[4] = vector;
    if (!(extra & 4)) *residual = 0;
    const int32_t wanted = *residual;
    *residual = 0;
    if (wanted != 0 && cz_op_shape(id, a, shape, &shape[5], NULL) == COLORIZER_OK &&
        cz_elements(&shape[5]) <= MOST_ELEMENTS) {
        in[5] = like(g, &shape[5]);
        *residual = wanted;
    } else {
        shape[5] = (cz_shape){{0, 0, 0, 0}};
    }
}

/** The inputs past the first of the other operators. */
static void add_operands(grower *g, uint32_t id, cz_attr *a, const cz_shape *x, mb_tensor in[CZ_MAX_INPUTS],
                         cz_shape shape[CZ_MAX_INPUTS]) {
    const uint32_t keep = pick(&g->s, 16), t = any(g), size = pick_size(&g->s);
    if (id == CZ_OP_add || id == CZ_OP_mul) {
        for (int i = 0; i < 4; i++) shape[1].d[i] = keep >> i & 1 ? 1 : x->d[i];
        in[1] = like(g, &shape[1]);
    } else if (id == CZ_OP_matmul) {
        const uint32_t k = x->d[3];
        shape[1] = (cz_shape){{keep & 1 ? 1 : x->d[0], keep & 2 ? 1 : x->d[1], a->matmul.transpose_b ? size : k,
                               a->matmul.transpose_b ? k : size}};
        in[1] = like(g, &shape[1]);
    } else if (id == CZ_OP_attention) {
        shape[1] = (cz_shape){{1, keep & 1 ? x->d[1] : size, keep & 2 ? x->d[2] : 3, x->d[3]}};
        shape[2] = shape[1];
        if (keep & 4) shape[2].d[3] = size;
        in[1] = like(g, &shape[1]);
        in[2] = like(g, &shape[2]);
        a->attention.heads = (int32_t)pick_divisor(&g->s, x->d[3], shape[2].d[3]);
    } else if (id == CZ_OP_layer_norm) {
        for (int i = 1; i <= 2; i++)
            if (keep & (uint32_t)i) shape[i] = (cz_shape){{1, 1, 1, x->d[3]}}, in[i] = constant(g, 1, 1, 1, x->d[3]);
    } else if (id == CZ_OP_resize && keep & 1) {
        a->resize.num_h = a->resize.num_w = a->resize.den_h = a->resize.den_w = 1;
        in[1] = g->tensor[t];
        shape[1] = g->shape[t];
    } else if (id == CZ_OP_concat) {
        for (uint32_t i = 1; i < 2 + keep % 4; i++) {
            shape[i] = *x;
            shape[i].d[a->concat.axis] = 1 + pick(&g->s, 20);
            in[i] = like(g, &shape[i]);
        }
    }
    if (id == CZ_OP_pixel_shuffle)
        while (x->d[3] % (uint32_t)(a->pixel_shuffle.factor * a->pixel_shuffle.factor) != 0) a->pixel_shuffle.factor--;
}

static void grow(grower *g) {
    const uint32_t id = 1 + pick(&g->s, 19), t = pick(&g->s, 2) ? g->n - 1 : any(g);
    if (cz_op_find(id) == NULL || g->m->n_constants + 8 > MB_CONSTANTS) return;
    mb_tensor in[CZ_MAX_INPUTS];
    cz_shape shape[CZ_MAX_INPUTS] = {g->shape[t]}, out;
    cz_attr a = pick_attr(g, id);
    for (int k = 0; k < CZ_MAX_INPUTS; k++) in[k] = CZ_NO_TENSOR;
    in[0] = g->tensor[t];
    if (cz_op_find(id)->packed)
        add_weights(g, id, &a, &g->shape[t], in, shape);
    else
        add_operands(g, id, &a, &g->shape[t], in, shape);
    const bool good =
        cz_op_check(id, &a, NULL) == COLORIZER_OK && cz_op_shape(id, &a, shape, &out, NULL) == COLORIZER_OK;
    if (!good && pick(&g->s, 16) != 15) return;
    if (good && cz_elements(&out) > MOST_ELEMENTS) return;
    const mb_tensor y = mb_op(g->m, "", id, &a, in, CZ_MAX_INPUTS);
    if (!good) return;
    g->tensor[g->n] = y;
    g->shape[g->n++] = out;
}

void fuzz_generate(mb_model *m, const uint8_t *data, size_t size) {
    static const char *const names[] = {"o0", "o1", "o2", "o3", "o4", "o5", "o6", "o7", "o8", "o9"};
    grower g = {.m = m, .s = {data, size}};
    for (uint32_t i = 0; i < 2; i++) {
        const uint32_t h = pick_size(&g.s), w = pick_size(&g.s), c = pick_size(&g.s);
        g.tensor[i] = mb_input(m, i == 0 ? "x" : "y", 1, h, w, i == 0 ? c : 1 + c % 8);
        g.shape[i] = (cz_shape){{1, h, w, i == 0 ? c : 1 + c % 8}};
        g.n++;
    }
    while (m->n_ops < MOST_OPS && g.s.n > 0) grow(&g);
    if (m->n_ops == 0) {
        const cz_attr a = mb_attr(CZ_OP_activation);
        mb_op(m, "", CZ_OP_activation, &a, g.tensor, 1);
    }
    for (uint32_t i = 0; i < m->n_ops && i < CZ_COUNT(names); i++) /* without many outputs the arena is shared more */
        if (i + 1 == m->n_ops || pick(&g.s, 4) == 3) mb_output(m, names[i], (3u << 16) | i);
}
