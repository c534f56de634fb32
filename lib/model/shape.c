/* SPDX-License-Identifier: BSD-2-Clause
 * The shape rule of every operator, as docs/format.md gives it. Dimensions are at most 2^29, attributes in their
 * ranges: sums and products of two of them fit 64 bits, and that is where all arithmetic is done. */
#include "model/model.h"

#define BAD(err, ...) cz_fail(err, COLORIZER_E_MODEL, __VA_ARGS__)

/** Stores a result's shape; refuses dimensions of 0, and results of more than CZ_MAX_ELEMENTS. */
static int32_t put(cz_shape *out, int64_t n, int64_t h, int64_t w, int64_t c, cz_error *err) {
    const int64_t d[4] = {n, h, w, c}, most = (int64_t)CZ_MAX_ELEMENTS;
    int64_t product = 1;
    for (int i = 0; i < 4; i++) {
        if (d[i] < 1 || d[i] > most) return BAD(err, "the result's dimension %d is %lld", i, (long long)d[i]);
        product *= d[i]; /* at most 2^58 */
        if (product > most) return BAD(err, "the result has more than %lld elements", (long long)most);
        out->d[i] = (uint32_t)d[i];
    }
    return COLORIZER_OK;
}

static bool given(const cz_shape *s) { return s->d[0] != 0; }

static bool same(const cz_shape *a, const cz_shape *b) {
    return a->d[0] == b->d[0] && a->d[1] == b->d[1] && a->d[2] == b->d[2] && a->d[3] == b->d[3];
}

static bool is_vector(const cz_shape *s, uint32_t c) {
    return s->d[0] == 1 && s->d[1] == 1 && s->d[2] == 1 && s->d[3] == c;
}

static int32_t one_image(const cz_shape *s, int i, cz_error *err) {
    return s->d[0] == 1 ? COLORIZER_OK : BAD(err, "input %d: N is %u, not 1", i, (unsigned)s->d[0]);
}

/** The inputs that a convolution ends with: bias, scale, shift of [1,1,1,Cout], and the residual. */
static int32_t check_end(const cz_shape in[CZ_MAX_INPUTS], int32_t residual, const cz_shape *out, cz_error *err) {
    static const char name[][6] = {"", "", "bias", "scale", "shift"};
    for (int i = 2; i <= 4; i++)
        if (given(&in[i]) && !is_vector(&in[i], out->d[3]))
            return BAD(err, "input %d: the %s is not [1,1,1,%u]", i, name[i], (unsigned)out->d[3]);
    if (given(&in[3]) != given(&in[4])) return BAD(err, "input 3: scale and shift come together");
    if (given(&in[5]) != (residual != 0)) return BAD(err, "attribute residual: %d does not fit input 5", (int)residual);
    if (given(&in[5]) && !same(&in[5], out)) return BAD(err, "input 5: the residual does not have the result's shape");
    return COLORIZER_OK;
}

/** Channels of x, weight [Cout, kh, kw, Cin / groups] and groups fit together; the kernel is in its limit. */
static int32_t check_weight(const cz_shape *x, const cz_shape *w, int32_t groups, cz_error *err) {
    const uint32_t g = (uint32_t)groups;
    if (w->d[1] > CZ_MAX_KERNEL || w->d[2] > CZ_MAX_KERNEL)
        return BAD(err, "input 1: a kernel of %u by %u is above %u", (unsigned)w->d[1], (unsigned)w->d[2],
                   CZ_MAX_KERNEL);
    if (x->d[3] % g != 0 || w->d[0] % g != 0)
        return BAD(err, "attribute groups: %u divides not both %u and %u channels", (unsigned)g, (unsigned)x->d[3],
                   (unsigned)w->d[0]);
    if (w->d[3] != x->d[3] / g)
        return BAD(err, "input 1: the weight has %u channels, not %u", (unsigned)w->d[3], (unsigned)(x->d[3] / g));
    return COLORIZER_OK;
}

/** Extent of a kernel with dilation. */
static int64_t extent(uint32_t kernel, int32_t dilation) { return ((int64_t)kernel - 1) * dilation + 1; }

int32_t cz_shape_conv2d(const cz_attr_conv2d *a, const cz_shape in[CZ_MAX_INPUTS], cz_shape *out, cz_error *err) {
    const cz_shape *x = &in[0], *w = &in[1];
    int32_t status = one_image(x, 0, err);
    if (status == COLORIZER_OK) status = check_weight(x, w, a->groups, err);
    if (status != COLORIZER_OK) return status;
    const int64_t h = (int64_t)x->d[1] + a->pad_top + a->pad_bottom - extent(w->d[1], a->dilation_h);
    const int64_t k = (int64_t)x->d[2] + a->pad_left + a->pad_right - extent(w->d[2], a->dilation_w);
    if (h < 0 || k < 0) return BAD(err, "input 0: smaller than the kernel");
    status = put(out, 1, h / a->stride_h + 1, k / a->stride_w + 1, w->d[0], err);
    return status != COLORIZER_OK ? status : check_end(in, a->residual, out, err);
}

int32_t cz_shape_quantize(const cz_attr_quantize *a, const cz_shape in[CZ_MAX_INPUTS], cz_shape *out, cz_error *err) {
    (void)a;
    (void)err;
    *out = in[0];
    return COLORIZER_OK;
}

/** As conv2d; and sums must be exact: of i32 in general, of f32 in a depthwise convolution. Each term is at most
 *  255 times 128. */
int32_t cz_shape_conv2d_i8(const cz_attr_conv2d_i8 *a, const cz_shape in[CZ_MAX_INPUTS], cz_shape *out, cz_error *err) {
    const cz_attr_conv2d as = cz_conv2d_of_i8(a);
    const int32_t status = cz_shape_conv2d(&as, in, out, err);
    if (status != COLORIZER_OK) return status;
    const cz_shape *w = &in[1];
    const uint64_t terms = (uint64_t)w->d[1] * w->d[2] * w->d[3]; /* at most 2^29 */
    const uint64_t most = a->groups == 1 ? (1u << 31) - 1 : 1u << 24;
    if (a->groups != 1 && ((uint32_t)a->groups != w->d[0] || w->d[3] != 1))
        return BAD(err, "attribute groups: %d is neither 1 nor the number of channels", (int)a->groups);
    if (given(&in[3]) || given(&in[4])) return BAD(err, "input 3: conv2d_i8 takes no scale and shift");
    if (terms * (CZ_U8_MAX * 128) > most)
        return BAD(err, "input 1: the sum of %llu terms may not be exact", (unsigned long long)terms);
    return COLORIZER_OK;
}

int32_t cz_shape_conv_transpose2d(const cz_attr_conv_transpose2d *a, const cz_shape in[CZ_MAX_INPUTS], cz_shape *out,
                                  cz_error *err) {
    const cz_shape *x = &in[0], *w = &in[1];
    int32_t status = one_image(x, 0, err);
    if (status == COLORIZER_OK) status = check_weight(x, w, a->groups, err);
    if (status != COLORIZER_OK) return status;
    const int64_t h = ((int64_t)x->d[1] - 1) * a->stride_h + extent(w->d[1], a->dilation_h);
    const int64_t k = ((int64_t)x->d[2] - 1) * a->stride_w + extent(w->d[2], a->dilation_w);
    status = put(out, 1, h - a->pad_top - a->pad_bottom, k - a->pad_left - a->pad_right, w->d[0], err);
    return status != COLORIZER_OK ? status : check_end(in, a->residual, out, err);
}

int32_t cz_shape_linear(const cz_attr_linear *a, const cz_shape in[CZ_MAX_INPUTS], cz_shape *out, cz_error *err) {
    const cz_shape *x = &in[0], *w = &in[1];
    if (w->d[1] != 1 || w->d[2] != 1 || w->d[3] != x->d[3])
        return BAD(err, "input 1: the weight is not [Cout,1,1,%u]", (unsigned)x->d[3]);
    const int32_t status = put(out, x->d[0], x->d[1], x->d[2], w->d[0], err);
    return status != COLORIZER_OK ? status : check_end(in, a->residual, out, err);
}

int32_t cz_shape_matmul(const cz_attr_matmul *a, const cz_shape in[CZ_MAX_INPUTS], cz_shape *out, cz_error *err) {
    const cz_shape *x = &in[0], *y = &in[1];
    for (int i = 0; i < 2; i++)
        if (y->d[i] != x->d[i] && y->d[i] != 1)
            return BAD(err, "input 1: dimension %d is %u, not %u or 1", i, (unsigned)y->d[i], (unsigned)x->d[i]);
    const uint32_t k = y->d[a->transpose_b ? 3 : 2], n = y->d[a->transpose_b ? 2 : 3];
    if (k != x->d[3]) return BAD(err, "input 1: K is %u, not %u", (unsigned)k, (unsigned)x->d[3]);
    return put(out, x->d[0], x->d[1], x->d[2], n, err);
}

int32_t cz_shape_attention(const cz_attr_attention *a, const cz_shape in[CZ_MAX_INPUTS], cz_shape *out, cz_error *err) {
    const cz_shape *q = &in[0], *k = &in[1], *v = &in[2];
    const uint32_t heads = (uint32_t)a->heads;
    for (int i = 0; i < 3; i++) {
        const int32_t status = one_image(&in[i], i, err);
        if (status != COLORIZER_OK) return status;
    }
    if (q->d[3] != k->d[3]) return BAD(err, "input 1: k and q differ in channels");
    if (k->d[1] != v->d[1] || k->d[2] != v->d[2]) return BAD(err, "input 2: v and k differ in tokens");
    if (q->d[3] % heads != 0 || v->d[3] % heads != 0)
        return BAD(err, "attribute heads: %u does not divide the channels", (unsigned)heads);
    return put(out, 1, q->d[1], q->d[2], v->d[3], err);
}

int32_t cz_shape_layer_norm(const cz_attr_layer_norm *a, const cz_shape in[CZ_MAX_INPUTS], cz_shape *out,
                            cz_error *err) {
    (void)a;
    for (int i = 1; i <= 2; i++)
        if (given(&in[i]) && !is_vector(&in[i], in[0].d[3]))
            return BAD(err, "input %d: not [1,1,1,%u]", i, (unsigned)in[0].d[3]);
    *out = in[0];
    return COLORIZER_OK;
}

int32_t cz_shape_softmax(const cz_attr_softmax *a, const cz_shape in[CZ_MAX_INPUTS], cz_shape *out, cz_error *err) {
    (void)a;
    (void)err;
    *out = in[0];
    return COLORIZER_OK;
}

int32_t cz_shape_activation(const cz_attr_activation *a, const cz_shape in[CZ_MAX_INPUTS], cz_shape *out,
                            cz_error *err) {
    (void)a;
    (void)err;
    *out = in[0];
    return COLORIZER_OK;
}

/** Windows along one axis; 0 when the kernel is larger than the padded axis. */
static int64_t pool_windows(uint32_t size, int32_t before, int32_t after, int32_t kernel, int32_t stride, bool ceil) {
    const int64_t room = (int64_t)size + before + after - kernel;
    if (room < 0) return 0;
    int64_t n = (room + (ceil ? stride - 1 : 0)) / stride + 1;
    if (ceil && (n - 1) * stride >= (int64_t)size + before) n--;
    return n;
}

int32_t cz_shape_pool2d(const cz_attr_pool2d *a, const cz_shape in[CZ_MAX_INPUTS], cz_shape *out, cz_error *err) {
    const cz_shape *x = &in[0];
    const int32_t status = one_image(x, 0, err);
    if (status != COLORIZER_OK) return status;
    const bool ceil = a->ceil_mode != 0;
    const int64_t h = pool_windows(x->d[1], a->pad_top, a->pad_bottom, a->kernel_h, a->stride_h, ceil);
    const int64_t w = pool_windows(x->d[2], a->pad_left, a->pad_right, a->kernel_w, a->stride_w, ceil);
    if (h == 0 || w == 0) return BAD(err, "input 0: smaller than the kernel");
    return put(out, 1, h, w, x->d[3], err);
}

int32_t cz_shape_global_pool(const cz_attr_global_pool *a, const cz_shape in[CZ_MAX_INPUTS], cz_shape *out,
                             cz_error *err) {
    (void)a;
    return put(out, in[0].d[0], 1, 1, in[0].d[3], err);
}

int32_t cz_shape_resize(const cz_attr_resize *a, const cz_shape in[CZ_MAX_INPUTS], cz_shape *out, cz_error *err) {
    const cz_shape *x = &in[0];
    const int32_t status = one_image(x, 0, err);
    if (status != COLORIZER_OK) return status;
    if (!given(&in[1]))
        return put(out, 1, (int64_t)x->d[1] * a->num_h / a->den_h, (int64_t)x->d[2] * a->num_w / a->den_w, x->d[3],
                   err);
    if (a->num_h != 1 || a->den_h != 1 || a->num_w != 1 || a->den_w != 1)
        return BAD(err, "attribute num_*, den_*: not 1 where input 1 gives the size");
    return put(out, 1, in[1].d[1], in[1].d[2], x->d[3], err);
}

int32_t cz_shape_pixel_shuffle(const cz_attr_pixel_shuffle *a, const cz_shape in[CZ_MAX_INPUTS], cz_shape *out,
                               cz_error *err) {
    const cz_shape *x = &in[0];
    const uint32_t r = (uint32_t)a->factor;
    if (x->d[3] % (r * r) != 0)
        return BAD(err, "attribute factor: %u squared does not divide %u channels", (unsigned)r, (unsigned)x->d[3]);
    return put(out, x->d[0], (int64_t)x->d[1] * r, (int64_t)x->d[2] * r, x->d[3] / (r * r), err);
}

int32_t cz_shape_concat(const cz_attr_concat *a, const cz_shape in[CZ_MAX_INPUTS], cz_shape *out, cz_error *err) {
    int64_t d[4] = {in[0].d[0], in[0].d[1], in[0].d[2], in[0].d[3]};
    for (int i = 1; i < CZ_MAX_INPUTS; i++) {
        if (!given(&in[i])) continue;
        if (!given(&in[i - 1])) return BAD(err, "input %d: absent before one that is given", i - 1);
        for (int k = 0; k < 4; k++)
            if (k != a->axis && in[i].d[k] != in[0].d[k])
                return BAD(err, "input %d: dimension %d is %u, not %u", i, k, (unsigned)in[i].d[k],
                           (unsigned)in[0].d[k]);
        d[a->axis] += in[i].d[a->axis];
    }
    return put(out, d[0], d[1], d[2], d[3], err);
}

static int32_t broadcast(const cz_shape in[CZ_MAX_INPUTS], cz_shape *out, cz_error *err) {
    for (int i = 0; i < 4; i++)
        if (in[1].d[i] != in[0].d[i] && in[1].d[i] != 1)
            return BAD(err, "input 1: dimension %d is %u, not %u or 1", i, (unsigned)in[1].d[i], (unsigned)in[0].d[i]);
    *out = in[0];
    return COLORIZER_OK;
}

int32_t cz_shape_add(const cz_attr_add *a, const cz_shape in[CZ_MAX_INPUTS], cz_shape *out, cz_error *err) {
    (void)a;
    return broadcast(in, out, err);
}

int32_t cz_shape_mul(const cz_attr_mul *a, const cz_shape in[CZ_MAX_INPUTS], cz_shape *out, cz_error *err) {
    (void)a;
    return broadcast(in, out, err);
}

int32_t cz_shape_slice(const cz_attr_slice *a, const cz_shape in[CZ_MAX_INPUTS], cz_shape *out, cz_error *err) {
    int64_t d[4] = {in[0].d[0], in[0].d[1], in[0].d[2], in[0].d[3]};
    const int64_t end = a->end < d[a->axis] ? a->end : d[a->axis];
    if (a->begin >= end) return BAD(err, "attribute begin: %d is past the end of the axis", (int)a->begin);
    d[a->axis] = (end - a->begin + a->step - 1) / a->step;
    return put(out, d[0], d[1], d[2], d[3], err);
}

int32_t cz_shape_pad(const cz_attr_pad *a, const cz_shape in[CZ_MAX_INPUTS], cz_shape *out, cz_error *err) {
    const cz_shape *x = &in[0];
    const int64_t h = x->d[1], w = x->d[2];
    if (a->mode == 2 && (a->pad_top >= h || a->pad_bottom >= h || a->pad_left >= w || a->pad_right >= w))
        return BAD(err, "attribute pad_*: a mirrored padding is not below the size");
    return put(out, x->d[0], h + a->pad_top + a->pad_bottom, w + a->pad_left + a->pad_right, x->d[3], err);
}

int32_t cz_shape_reshape(const cz_attr_reshape *a, const cz_shape in[CZ_MAX_INPUTS], cz_shape *out, cz_error *err) {
    const int64_t total = (int64_t)cz_elements(&in[0]);
    int64_t d[4] = {a->n, a->h, a->w, a->c}, known = 1;
    int open = -1;
    for (int i = 0; i < 4; i++) {
        if (d[i] == 0) d[i] = in[0].d[i];
        if (d[i] == -1)
            open = i;
        else
            known *= d[i]; /* at most 2^29 times 2^29: */
        if (known > total)
            return BAD(err, "attribute n, h, w, c: more elements than the input's %lld", (long long)total);
    }
    if (open >= 0) d[open] = total / known;
    if (open >= 0 ? total % known != 0 : known != total)
        return BAD(err, "attribute n, h, w, c: do not give the input's %lld elements", (long long)total);
    return put(out, d[0], d[1], d[2], d[3], err);
}

int32_t cz_shape_transpose(const cz_attr_transpose *a, const cz_shape in[CZ_MAX_INPUTS], cz_shape *out, cz_error *err) {
    const uint32_t *d = in[0].d;
    return put(out, d[a->axis0], d[a->axis1], d[a->axis2], d[a->axis3], err);
}
