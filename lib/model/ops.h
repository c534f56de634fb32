/* SPDX-License-Identifier: BSD-2-Clause
 * What operators are made of: shapes, constants, typed attributes. Kernels include this and nothing else of model/. */
#ifndef CZ_MODEL_OPS_H
#define CZ_MODEL_OPS_H

#include "base/base.h"
#include "base/error.h"

#define CZ_MAX_INPUTS 8  /* inputs of an operator */
#define CZ_ATTR_WORDS 16 /* attribute words of an operator record */
#define CZ_NO_TENSOR  0xFFFFFFFFu

/** Largest number of elements of one tensor: byte counts of f32 tensors then fit 31 bits. */
#define CZ_MAX_ELEMENTS ((size_t)1 << 29)

/** A shape: N, H, W, C. Every dimension is at least 1 and the product at most CZ_MAX_ELEMENTS. */
typedef struct cz_shape {
    uint32_t d[4];
} cz_shape;

static inline size_t cz_elements(const cz_shape *s) { return (size_t)s->d[0] * s->d[1] * s->d[2] * s->d[3]; }

/** Sample types of constants, as in the file. */
enum cz_dtype { CZ_F32 = 1, CZ_F16 = 2, CZ_I8 = 3 };

/** Types of tensors. */
enum cz_type { CZ_TYPE_F32, CZ_TYPE_U8 };
#define CZ_U8_MAX 255
#define CZ_U8_SLACK                                                                                                    \
    64 /* bytes after a u8 tensor that a kernel may read: memory is there, its contents are not told                   \
        */

/** A constant of a model: a view of its block in the file. */
typedef struct cz_constant {
    cz_shape shape;
    uint32_t dtype;     /* enum cz_dtype */
    const void *data;   /* cz_elements() samples, little-endian; NULL while the block is not in memory */
    const float *scale; /* CZ_I8: shape.d[0] factors, one for each slice of the first dimension; else NULL */
    bool kept;          /* the samples are wanted as they are, not only as an operator's packed weight */
} cz_constant;

/** Makes *c see its block, aligned to CZ_ALIGN. */
void cz_constant_see(cz_constant *c, const unsigned char *block);

/** Writes elements first .. first + count - 1 of a constant as f32: the sample, or sample * scale for CZ_I8. */
void cz_constant_read(const cz_constant *c, size_t first, size_t count, float *out);

/** Activations, the numbers of A_ACTIVATION's `act`. p0 and p1 are zero where not named. */
enum cz_activation {
    CZ_ACT_NONE = 0,
    CZ_ACT_CLAMP = 1,      /* min(max(x, p0), p1); relu6 is 0, 6 */
    CZ_ACT_LEAKY_RELU = 2, /* x > 0 ? x : p0 x; relu is p0 = 0 */
    CZ_ACT_HARD_SWISH = 3, /* x min(max(x + 3, 0), 6) / 6 */
    CZ_ACT_SILU = 4,       /* x sigmoid(x) */
    CZ_ACT_GELU = 5,       /* x (1 + erf(x / sqrt 2)) / 2 */
    CZ_ACT_GELU_TANH = 6,  /* x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 */
    CZ_ACT_TANH = 7,
    CZ_ACT_SIGMOID = 8
};

/* Operator ids: CZ_OP_conv2d = 1, ... */
enum cz_op_id {
#define CZ_OP(id, name, required, optional, packed, attributes) CZ_OP_##name = id,
#include "model/ops.def"
#undef CZ_OP
    CZ_OP_COUNT /* one more than the last */
};

/* Attribute structs: struct cz_attr_conv2d { int32_t stride_h; ... }. Each member is one word of the record. */
#define A_I(name, low, high) int32_t name;
#define A_F(name, low, high) float name;
#define CZ_OP(id, name, required, optional, packed, attributes)                                                        \
    typedef struct cz_attr_##name {                                                                                    \
        attributes                                                                                                     \
    } cz_attr_##name;
#include "model/ops.def"
#undef CZ_OP
#undef A_I
#undef A_F

/** The geometry and the end of a conv2d_i8 as those of a conv2d. */
static inline cz_attr_conv2d cz_conv2d_of_i8(const cz_attr_conv2d_i8 *a) {
    return (cz_attr_conv2d){.stride_h = a->stride,
                            .stride_w = a->stride,
                            .dilation_h = a->dilation,
                            .dilation_w = a->dilation,
                            .pad_top = a->pad_top,
                            .pad_left = a->pad_left,
                            .pad_bottom = a->pad_bottom,
                            .pad_right = a->pad_right,
                            .groups = a->groups,
                            .act = a->act,
                            .act_p0 = a->act_p0,
                            .act_p1 = a->act_p1,
                            .residual = a->residual};
}

#endif
