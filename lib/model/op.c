/* SPDX-License-Identifier: BSD-2-Clause
 * The operator table, out of ops.def, and the checks of attributes that no shape is needed for. */
#include "model/model.h"

#include <assert.h>
#include <string.h>

#define A_I(name, lowest, highest) {#name, false, {.i = lowest}, {.i = highest}},
#define A_F(name, lowest, highest) {#name, true, {.f = (float)lowest}, {.f = (float)highest}},
#define CZ_OP(id, name, required, optional, packed, attributes)                                                        \
    static const cz_attr_info attributes_##name[] = {attributes{"", false, {0}, {0}}};                                 \
    static_assert(sizeof(cz_attr_##name) <= CZ_ATTR_WORDS * 4, #name " has too many attributes");                      \
    static_assert((required) + (optional) <= CZ_MAX_INPUTS, #name " has too many inputs");
#include "model/ops.def"
#undef CZ_OP
#undef A_I
#undef A_F

static const cz_op_info table[] = {
#define CZ_OP(id, name, required, optional, packed, attributes)                                                        \
    [id] = {#name, required, optional, packed != 0, attributes_##name},
#include "model/ops.def"
#undef CZ_OP
};

const cz_op_info *cz_op_find(uint32_t id) { return id < CZ_COUNT(table) && table[id].name[0] != 0 ? &table[id] : NULL; }

/** Checks one word against its row; floats are checked as stored, so NaN fails. */
static int32_t check_word(const cz_attr_info *row, const cz_attr *attr, size_t k, cz_error *err) {
    if (row->is_float) {
        float v;
        memcpy(&v, &attr->words[k], sizeof v);
        if (v >= row->low.f && v <= row->high.f) return COLORIZER_OK;
        return cz_fail(err, COLORIZER_E_MODEL, "attribute %s: the bits 0x%08x are not in its range", row->name,
                       (unsigned)attr->words[k]);
    }
    int32_t v;
    memcpy(&v, &attr->words[k], sizeof v);
    if (v >= row->low.i && v <= row->high.i) return COLORIZER_OK;
    return cz_fail(err, COLORIZER_E_MODEL, "attribute %s: %d is not in %d..%d", row->name, (int)v, (int)row->low.i,
                   (int)row->high.i);
}

static int32_t check_activation(int32_t act, float p0, float p1, cz_error *err) {
    const bool uses_p0 = act == CZ_ACT_CLAMP || act == CZ_ACT_LEAKY_RELU, uses_p1 = act == CZ_ACT_CLAMP;
    if (act == CZ_ACT_CLAMP && p0 > p1)
        return cz_fail(err, COLORIZER_E_MODEL, "attribute act_p0: the clamp's lower limit is above the upper");
    if (!uses_p0 && !(p0 == 0)) return cz_fail(err, COLORIZER_E_MODEL, "attribute act_p0: not 0, but not used");
    if (!uses_p1 && !(p1 == 0)) return cz_fail(err, COLORIZER_E_MODEL, "attribute act_p1: not 0, but not used");
    return COLORIZER_OK;
}

static int32_t check_pool(const cz_attr_pool2d *a, cz_error *err) {
    if (a->pad_top >= a->kernel_h || a->pad_bottom >= a->kernel_h || a->pad_left >= a->kernel_w ||
        a->pad_right >= a->kernel_w)
        return cz_fail(err, COLORIZER_E_MODEL, "attribute pad_*: a padding is not smaller than the kernel");
    if (a->kind != 1 && a->count_pad != 0)
        return cz_fail(err, COLORIZER_E_MODEL, "attribute count_pad: not 0, but no average");
    return COLORIZER_OK;
}

static int32_t check_reshape(const cz_attr_reshape *a, cz_error *err) {
    if ((a->n == -1) + (a->h == -1) + (a->w == -1) + (a->c == -1) > 1)
        return cz_fail(err, COLORIZER_E_MODEL, "attribute n, h, w, c: more than one is -1");
    return COLORIZER_OK;
}

static int32_t check_transpose(const cz_attr_transpose *a, cz_error *err) {
    if (((1 << a->axis0) | (1 << a->axis1) | (1 << a->axis2) | (1 << a->axis3)) != 15)
        return cz_fail(err, COLORIZER_E_MODEL, "attribute axis0..3: not a permutation");
    return COLORIZER_OK;
}

static int32_t check_conv2d_i8(const cz_attr_conv2d_i8 *a, cz_error *err) {
    if (a->out_scale != 0 && a->out_scale < 1e-30f)
        return cz_fail(err, COLORIZER_E_MODEL, "attribute out_scale: neither 0 nor at least 1e-30");
    if (a->out_scale == 0 && a->out_zero != 0)
        return cz_fail(err, COLORIZER_E_MODEL, "attribute out_zero: not 0, but not used");
    return check_activation(a->act, a->act_p0, a->act_p1, err);
}

/** What the ranges of ops.def cannot say. */
static int32_t check_meaning(uint32_t id, const cz_attr *a, cz_error *err) {
    switch (id) {
    case CZ_OP_conv2d:
        return check_activation(a->conv2d.act, a->conv2d.act_p0, a->conv2d.act_p1, err);
    case CZ_OP_conv_transpose2d:
        return check_activation(a->conv_transpose2d.act, a->conv_transpose2d.act_p0, a->conv_transpose2d.act_p1, err);
    case CZ_OP_linear:
        return check_activation(a->linear.act, a->linear.act_p0, a->linear.act_p1, err);
    case CZ_OP_activation:
        return check_activation(a->activation.act, a->activation.act_p0, a->activation.act_p1, err);
    case CZ_OP_add:
        return check_activation(a->add.act, a->add.act_p0, a->add.act_p1, err);
    case CZ_OP_mul:
        return check_activation(a->mul.act, a->mul.act_p0, a->mul.act_p1, err);
    case CZ_OP_pool2d:
        return check_pool(&a->pool2d, err);
    case CZ_OP_pad:
        if (a->pad.mode != 0 && !(a->pad.value == 0))
            return cz_fail(err, COLORIZER_E_MODEL, "attribute value: not 0, but not used");
        return COLORIZER_OK;
    case CZ_OP_slice:
        if (a->slice.end <= a->slice.begin)
            return cz_fail(err, COLORIZER_E_MODEL, "attribute end: %d is not above begin", (int)a->slice.end);
        return COLORIZER_OK;
    case CZ_OP_reshape:
        return check_reshape(&a->reshape, err);
    case CZ_OP_transpose:
        return check_transpose(&a->transpose, err);
    case CZ_OP_conv2d_i8:
        return check_conv2d_i8(&a->conv2d_i8, err);
    default:
        return COLORIZER_OK;
    }
}

int32_t cz_op_check(uint32_t id, const cz_attr *attr, cz_error *err) {
    const cz_op_info *info = cz_op_find(id);
    size_t k = 0;
    for (; info->attributes[k].name[0] != 0; k++) {
        const int32_t status = check_word(&info->attributes[k], attr, k, err);
        if (status != COLORIZER_OK) return status;
    }
    for (; k < CZ_ATTR_WORDS; k++)
        if (attr->words[k] != 0)
            return cz_fail(err, COLORIZER_E_MODEL, "attribute word %zu: 0x%x past the last attribute is not 0", k,
                           (unsigned)attr->words[k]);
    return check_meaning(id, attr, err);
}

int32_t cz_op_shape(uint32_t id, const cz_attr *attr, const cz_shape in[CZ_MAX_INPUTS], cz_shape *out, cz_error *err) {
    switch (id) {
#define CZ_OP(number, name, required, optional, packed, attributes)                                                    \
    case number:                                                                                                       \
        return cz_shape_##name(&attr->name, in, out, err);
#include "model/ops.def"
#undef CZ_OP
    default: /* cannot be: ids have been checked */
        return cz_fail(err, COLORIZER_E_MODEL, "no operator %u", (unsigned)id);
    }
}

enum cz_type cz_op_result_type(uint32_t id, const cz_attr *attr) {
    return id == CZ_OP_quantize || (id == CZ_OP_conv2d_i8 && attr->conv2d_i8.out_scale != 0) ? CZ_TYPE_U8 : CZ_TYPE_F32;
}

enum cz_type cz_op_input_type(uint32_t id, uint32_t k) {
    return id == CZ_OP_conv2d_i8 && k == 0 ? CZ_TYPE_U8 : CZ_TYPE_F32;
}

static uint64_t saturating_mul(uint64_t a, uint64_t b) {
    const uint64_t most = (uint64_t)1 << 63;
    return a != 0 && b > most / a ? most : a * b;
}

/** Visits of one element of the result, in multiply-adds, for operators without a sum over channels. */
static uint64_t element_work(uint32_t id, const cz_attr *a) {
    static const uint64_t taps[3] = {1, 4, 16};
    switch (id) {
    case CZ_OP_pool2d:
        return (uint64_t)a->pool2d.kernel_h * (uint64_t)a->pool2d.kernel_w;
    case CZ_OP_resize:
        return taps[a->resize.mode];
    case CZ_OP_layer_norm:
    case CZ_OP_activation:
        return 4;
    case CZ_OP_softmax:
        return 16;
    default:
        return 2;
    }
}

uint64_t cz_op_work(uint32_t id, const cz_attr *attr, const cz_shape in[CZ_MAX_INPUTS], const cz_shape *out) {
    const uint64_t result = cz_elements(out);
    switch (id) {
    case CZ_OP_conv2d:
        return saturating_mul(cz_elements(&in[1]), (uint64_t)out->d[1] * out->d[2]);
    case CZ_OP_conv2d_i8: /* takes about a third of the time */
        return saturating_mul(cz_elements(&in[1]), (uint64_t)out->d[1] * out->d[2]) / 3 + result;
    case CZ_OP_conv_transpose2d:
        return saturating_mul(cz_elements(&in[1]), (uint64_t)in[0].d[1] * in[0].d[2]) + result;
    case CZ_OP_linear:
        return saturating_mul(result, in[0].d[3]);
    case CZ_OP_matmul:
        return saturating_mul(result, in[0].d[3]);
    case CZ_OP_attention:
        return saturating_mul(saturating_mul((uint64_t)in[0].d[1] * in[0].d[2], (uint64_t)in[1].d[1] * in[1].d[2]),
                              (uint64_t)in[0].d[3] + in[2].d[3]);
    case CZ_OP_global_pool:
        return cz_elements(&in[0]);
    default:
        return saturating_mul(result, element_work(id, attr));
    }
}
