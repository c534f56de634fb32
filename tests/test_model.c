/* SPDX-License-Identifier: BSD-2-Clause
 * Shape rules, good and bad, of every operator; attribute checks; models as a whole; constants. */
#include "model_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S(n, h, w, c)                                                                                                  \
    {                                                                                                                  \
        { n, h, w, c }                                                                                                 \
    }
#define NONE S(0, 0, 0, 0)
#define BIG  (1u << 29)

/** One use of a shape rule: attributes over the plain ones of mb_attr, input shapes, and the result or the refusal. */
typedef struct shape_case {
    uint32_t id;
    struct {
        const char *name;
        double value;
    } attr[6];
    cz_shape in[CZ_MAX_INPUTS];
    cz_shape out;     /* d[0] == 0: refused */
    const char *text; /* part of the refusal */
} shape_case;

#define OP(name) CZ_OP_##name

static const shape_case cases[] = {
    /* conv2d */
    {OP(conv2d), {{0}}, {S(1, 9, 7, 4), S(8, 3, 3, 4)}, S(1, 7, 5, 8), 0},
    {OP(conv2d), {{"stride_h", 2}, {"stride_w", 3}}, {S(1, 9, 9, 4), S(8, 3, 3, 4)}, S(1, 4, 3, 8), 0},
    {OP(conv2d), {{"pad_top", 1}, {"pad_right", 2}}, {S(1, 9, 7, 4), S(8, 3, 3, 4)}, S(1, 8, 7, 8), 0},
    {OP(conv2d), {{"dilation_h", 3}, {"dilation_w", 2}}, {S(1, 9, 7, 4), S(8, 3, 3, 4)}, S(1, 3, 3, 8), 0},
    {OP(conv2d), {{"groups", 4}}, {S(1, 3, 3, 8), S(12, 3, 3, 2)}, S(1, 1, 1, 12), 0},
    {OP(conv2d),
     {{0}},
     {S(1, 3, 3, 8), S(12, 1, 1, 8), S(1, 1, 1, 12), S(1, 1, 1, 12), S(1, 1, 1, 12)},
     S(1, 3, 3, 12),
     0},
    {OP(conv2d), {{"residual", 1}}, {S(1, 3, 3, 8), S(8, 1, 1, 8), NONE, NONE, NONE, S(1, 3, 3, 8)}, S(1, 3, 3, 8), 0},
    {OP(conv2d), {{"groups", 3}}, {S(1, 3, 3, 8), S(12, 3, 3, 2)}, NONE, "groups"},
    {OP(conv2d), {{"groups", 4}}, {S(1, 3, 3, 8), S(10, 3, 3, 2)}, NONE, "groups"},
    {OP(conv2d), {{0}}, {S(1, 9, 7, 4), S(8, 3, 3, 5)}, NONE, "input 1"},
    {OP(conv2d), {{0}}, {S(2, 9, 7, 4), S(8, 3, 3, 4)}, NONE, "N is 2"},
    {OP(conv2d), {{0}}, {S(1, 2, 7, 4), S(8, 3, 3, 4)}, NONE, "smaller than the kernel"},
    {OP(conv2d), {{"dilation_w", 4}}, {S(1, 9, 7, 4), S(8, 3, 3, 4)}, NONE, "smaller than the kernel"},
    {OP(conv2d), {{"dilation_h", 64}}, {S(1, 9, 7, 1), S(1, 1024, 1, 1)}, NONE, "smaller than the kernel"},
    {OP(conv2d), {{"pad_top", 1024}}, {S(1, 9, 7, 1), S(1, 1025, 1, 1)}, NONE, "a kernel of 1025 by 1"},
    {OP(conv_transpose2d), {{0}}, {S(1, 1, 1, 1), S(1, 1, BIG, 1)}, NONE, "a kernel of 1 by 536870912"},
    {OP(conv2d), {{0}}, {S(1, 1 << 15, 1 << 14, 1), S(2, 1, 1, 1)}, NONE, "elements"},
    {OP(conv2d), {{0}}, {S(1, 3, 3, 8), S(12, 1, 1, 8), S(1, 1, 1, 8)}, NONE, "bias"},
    {OP(conv2d), {{0}}, {S(1, 3, 3, 8), S(12, 1, 1, 8), S(12, 1, 1, 1)}, NONE, "bias"},
    {OP(conv2d), {{0}}, {S(1, 3, 3, 8), S(12, 1, 1, 8), NONE, S(1, 1, 1, 12)}, NONE, "scale and shift"},
    {OP(conv2d), {{0}}, {S(1, 3, 3, 8), S(12, 1, 1, 8), NONE, NONE, S(1, 1, 1, 12)}, NONE, "scale and shift"},
    {OP(conv2d), {{"residual", 2}}, {S(1, 3, 3, 8), S(8, 1, 1, 8)}, NONE, "residual"},
    {OP(conv2d), {{0}}, {S(1, 3, 3, 8), S(8, 1, 1, 8), NONE, NONE, NONE, S(1, 3, 3, 8)}, NONE, "residual"},
    {OP(conv2d), {{"residual", 1}}, {S(1, 3, 3, 8), S(8, 1, 1, 8), NONE, NONE, NONE, S(1, 1, 3, 8)}, NONE, "residual"},
    /* conv_transpose2d */
    {OP(conv_transpose2d), {{"stride_h", 2}, {"stride_w", 2}}, {S(1, 5, 7, 4), S(8, 4, 4, 4)}, S(1, 12, 16, 8), 0},
    {OP(conv_transpose2d),
     {{"stride_h", 2}, {"stride_w", 2}, {"pad_top", 1}, {"pad_left", 1}, {"pad_bottom", 1}, {"pad_right", 1}},
     {S(1, 5, 7, 4), S(8, 4, 4, 4)},
     S(1, 10, 14, 8),
     0},
    {OP(conv_transpose2d), {{"dilation_h", 2}}, {S(1, 5, 7, 4), S(8, 3, 3, 4)}, S(1, 9, 9, 8), 0},
    {OP(conv_transpose2d), {{"groups", 2}}, {S(1, 1, 1, 4), S(6, 1, 1, 2)}, S(1, 1, 1, 6), 0},
    {OP(conv_transpose2d),
     {{"pad_top", 2}, {"pad_bottom", 1}},
     {S(1, 1, 7, 4), S(8, 3, 3, 4)},
     NONE,
     "dimension 1 is 0"},
    {OP(conv_transpose2d), {{"pad_top", 1024}}, {S(1, 1, 7, 4), S(8, 3, 3, 4)}, NONE, "dimension 1 is -1021"},
    {OP(conv_transpose2d), {{"groups", 2}}, {S(1, 1, 1, 4), S(6, 1, 1, 4)}, NONE, "input 1"},
    {OP(conv_transpose2d), {{0}}, {S(3, 1, 1, 4), S(6, 1, 1, 4)}, NONE, "N is 3"},
    {OP(conv_transpose2d), {{"stride_h", 64}, {"stride_w", 64}}, {S(1, 512, 512, 1), S(1, 1, 1, 1)}, NONE, "elements"},
    /* linear */
    {OP(linear), {{0}}, {S(2, 5, 7, 4), S(8, 1, 1, 4)}, S(2, 5, 7, 8), 0},
    {OP(linear), {{0}}, {S(1, 5, 7, 4), S(8, 1, 1, 5)}, NONE, "input 1"},
    {OP(linear), {{0}}, {S(1, 5, 7, 4), S(8, 1, 2, 4)}, NONE, "input 1"},
    {OP(linear), {{0}}, {S(1, 5, 7, 4), S(8, 1, 1, 4), S(1, 1, 1, 1)}, NONE, "bias"},
    {OP(linear), {{0}}, {S(1, 1 << 10, 1 << 10, 1), S(1 << 10, 1, 1, 1)}, NONE, "elements"},
    /* matmul */
    {OP(matmul), {{0}}, {S(2, 3, 5, 7), S(2, 3, 7, 11)}, S(2, 3, 5, 11), 0},
    {OP(matmul), {{"transpose_b", 1}}, {S(2, 3, 5, 7), S(1, 1, 11, 7)}, S(2, 3, 5, 11), 0},
    {OP(matmul), {{0}}, {S(2, 3, 5, 7), S(1, 1, 11, 7)}, NONE, "K is 11"},
    {OP(matmul), {{0}}, {S(1, 3, 5, 7), S(2, 3, 7, 11)}, NONE, "dimension 0 is 2"},
    {OP(matmul), {{0}}, {S(1, 1, 1 << 20, 1), S(1, 1, 1, 1 << 20)}, NONE, "elements"},
    /* attention */
    {OP(attention), {{"heads", 2}}, {S(1, 4, 4, 8), S(1, 2, 3, 8), S(1, 2, 3, 6)}, S(1, 4, 4, 6), 0},
    {OP(attention), {{"heads", 3}}, {S(1, 4, 4, 8), S(1, 2, 3, 8), S(1, 2, 3, 6)}, NONE, "heads"},
    {OP(attention), {{"heads", 4}}, {S(1, 4, 4, 8), S(1, 2, 3, 8), S(1, 2, 3, 6)}, NONE, "heads"},
    {OP(attention), {{0}}, {S(1, 4, 4, 8), S(1, 2, 3, 4), S(1, 2, 3, 6)}, NONE, "channels"},
    {OP(attention), {{0}}, {S(1, 4, 4, 8), S(1, 2, 3, 8), S(1, 3, 2, 6)}, NONE, "tokens"},
    {OP(attention), {{0}}, {S(1, 4, 4, 8), S(2, 2, 3, 8), S(2, 2, 3, 6)}, NONE, "N is 2"},
    /* layer_norm, softmax, activation */
    {OP(layer_norm), {{0}}, {S(2, 4, 4, 8)}, S(2, 4, 4, 8), 0},
    {OP(layer_norm), {{0}}, {S(2, 4, 4, 8), S(1, 1, 1, 8), S(1, 1, 1, 8)}, S(2, 4, 4, 8), 0},
    {OP(layer_norm), {{0}}, {S(2, 4, 4, 8), NONE, S(1, 1, 1, 8)}, S(2, 4, 4, 8), 0},
    {OP(layer_norm), {{0}}, {S(2, 4, 4, 8), S(1, 1, 8, 1)}, NONE, "input 1"},
    {OP(layer_norm), {{0}}, {S(2, 4, 4, 8), NONE, S(1, 1, 1, 7)}, NONE, "input 2"},
    {OP(softmax), {{"axis", 1}}, {S(2, 4, 5, 8)}, S(2, 4, 5, 8), 0},
    {OP(softmax), {{"axis", 4}}, {S(2, 4, 5, 8)}, NONE, "axis"},
    {OP(softmax), {{"axis", -1}}, {S(2, 4, 5, 8)}, NONE, "axis"},
    {OP(softmax), {{"temperature", 0}}, {S(2, 4, 5, 8)}, NONE, "temperature"},
    {OP(activation), {{"act", 8}}, {S(2, 4, 5, 8)}, S(2, 4, 5, 8), 0},
    {OP(activation), {{"act", 1}, {"act_p0", -1}, {"act_p1", -1}}, {S(1, 4, 5, 8)}, S(1, 4, 5, 8), 0},
    {OP(activation), {{"act", 1}, {"act_p0", 1}}, {S(1, 4, 5, 8)}, NONE, "act_p0"},
    {OP(activation), {{"act", 3}, {"act_p0", 1}}, {S(1, 4, 5, 8)}, NONE, "act_p0"},
    {OP(activation), {{"act", 2}, {"act_p1", 1}}, {S(1, 4, 5, 8)}, NONE, "act_p1"},
    {OP(activation), {{"act", 2}, {"act_p0", 2e6}}, {S(1, 4, 5, 8)}, NONE, "act_p0"},
    /* pool2d; the sizes are PyTorch's */
    {OP(pool2d),
     {{"kernel_h", 2}, {"kernel_w", 2}, {"stride_h", 2}, {"stride_w", 2}},
     {S(1, 7, 6, 3)},
     S(1, 3, 3, 3),
     0},
    {OP(pool2d),
     {{"kernel_h", 2}, {"kernel_w", 2}, {"stride_h", 2}, {"stride_w", 2}, {"ceil_mode", 1}},
     {S(1, 7, 6, 3)},
     S(1, 4, 3, 3),
     0},
    {OP(pool2d),
     {{"kernel_h", 3}, {"kernel_w", 3}, {"stride_h", 2}, {"stride_w", 2}, {"pad_top", 1}, {"pad_bottom", 1}},
     {S(1, 7, 6, 3)},
     S(1, 4, 2, 3),
     0},
    {OP(pool2d), {{"kernel_h", 1}, {"stride_h", 3}, {"ceil_mode", 1}}, {S(1, 5, 6, 3)}, S(1, 2, 6, 3), 0},
    {OP(pool2d), {{"kernel_h", 2}, {"kernel_w", 2}}, {S(1, 1, 6, 3)}, NONE, "smaller"},
    {OP(pool2d), {{"kernel_h", 2}, {"pad_top", 2}}, {S(1, 8, 6, 3)}, NONE, "pad_"},
    {OP(pool2d), {{"pad_right", 1}}, {S(1, 8, 6, 3)}, NONE, "pad_"},
    {OP(pool2d), {{"count_pad", 1}}, {S(1, 8, 6, 3)}, NONE, "count_pad"},
    {OP(pool2d), {{"kind", 2}, {"count_pad", 1}}, {S(1, 8, 6, 3)}, NONE, "count_pad"},
    {OP(pool2d), {{"kind", 2}}, {S(1, 8, 6, 3)}, S(1, 8, 6, 3), 0},
    {OP(pool2d), {{"kind", 3}}, {S(1, 8, 6, 3)}, NONE, "kind"},
    {OP(pool2d), {{0}}, {S(2, 8, 6, 3)}, NONE, "N is 2"},
    {OP(global_pool), {{"kind", 1}}, {S(2, 8, 6, 3)}, S(2, 1, 1, 3), 0},
    {OP(global_pool), {{"kind", 2}}, {S(2, 8, 6, 3)}, NONE, "kind"},
    /* resize */
    {OP(resize), {{"num_h", 2}, {"num_w", 3}, {"den_w", 2}}, {S(1, 5, 5, 3)}, S(1, 10, 7, 3), 0},
    {OP(resize), {{0}}, {S(1, 5, 5, 3), S(9, 11, 13, 2)}, S(1, 11, 13, 3), 0},
    {OP(resize), {{"num_h", 2}}, {S(1, 5, 5, 3), S(1, 11, 13, 2)}, NONE, "num_"},
    {OP(resize), {{"den_h", 6}}, {S(1, 5, 5, 3)}, NONE, "dimension 1 is 0"},
    {OP(resize), {{0}}, {S(2, 5, 5, 3)}, NONE, "N is 2"},
    {OP(resize), {{"num_h", 64}, {"num_w", 64}}, {S(1, 512, 512, 1)}, NONE, "elements"},
    {OP(pixel_shuffle), {{"factor", 3}}, {S(2, 2, 4, 18)}, S(2, 6, 12, 2), 0},
    {OP(pixel_shuffle), {{"factor", 3}}, {S(1, 2, 4, 12)}, NONE, "factor"},
    {OP(pixel_shuffle), {{"factor", 64}}, {S(1, 2, 4, 64)}, NONE, "factor"},
    /* concat */
    {OP(concat), {{"axis", 3}}, {S(1, 2, 4, 3), S(1, 2, 4, 5)}, S(1, 2, 4, 8), 0},
    {OP(concat), {{"axis", 0}}, {S(1, 2, 4, 3), S(2, 2, 4, 3), S(3, 2, 4, 3)}, S(6, 2, 4, 3), 0},
    {OP(concat), {{"axis", 1}}, {S(1, 2, 4, 3), S(1, 2, 4, 5)}, NONE, "dimension 3"},
    {OP(concat), {{"axis", 3}}, {S(1, 2, 4, 3), S(1, 2, 4, 5), NONE, S(1, 2, 4, 5)}, NONE, "absent"},
    {OP(concat), {{"axis", 1}}, {S(1, 1 << 28, 1, 1), S(1, 1 << 28, 1, 1), S(1, 1, 1, 1)}, NONE, "dimension 1"},
    /* add, mul */
    {OP(add), {{0}}, {S(2, 3, 4, 5), S(2, 3, 4, 5)}, S(2, 3, 4, 5), 0},
    {OP(add), {{0}}, {S(2, 3, 4, 5), S(1, 3, 1, 5)}, S(2, 3, 4, 5), 0},
    {OP(add), {{0}}, {S(2, 3, 4, 1), S(2, 3, 4, 5)}, NONE, "dimension 3 is 5"},
    {OP(mul), {{0}}, {S(2, 3, 4, 5), S(1, 1, 1, 1)}, S(2, 3, 4, 5), 0},
    {OP(mul), {{0}}, {S(2, 3, 4, 5), S(1, 1, 2, 1)}, NONE, "dimension 2 is 2"},
    /* slice */
    {OP(slice), {{"axis", 1}, {"begin", 1}, {"end", 6}, {"step", 2}}, {S(1, 9, 2, 2)}, S(1, 3, 2, 2), 0},
    {OP(slice), {{"axis", 1}, {"begin", 8}, {"end", 0x7fffffff}, {"step", 65536}}, {S(1, 9, 2, 2)}, S(1, 1, 2, 2), 0},
    {OP(slice), {{"axis", 1}, {"begin", 9}, {"end", 12}}, {S(1, 9, 2, 2)}, NONE, "begin"},
    {OP(slice), {{"axis", 1}, {"begin", 3}, {"end", 3}}, {S(1, 9, 2, 2)}, NONE, "end"},
    {OP(slice), {{"axis", 1}, {"begin", 3}, {"end", 2}}, {S(1, 9, 2, 2)}, NONE, "end"},
    {OP(slice), {{"axis", 1}, {"begin", -1}, {"end", 2}}, {S(1, 9, 2, 2)}, NONE, "begin"},
    /* pad */
    {OP(pad),
     {{"pad_top", 1}, {"pad_left", 2}, {"pad_bottom", 3}, {"pad_right", 4}, {"value", -7}},
     {S(2, 5, 6, 3)},
     S(2, 9, 12, 3),
     0},
    {OP(pad), {{"pad_top", 4}, {"mode", 2}}, {S(1, 5, 6, 3)}, S(1, 9, 6, 3), 0},
    {OP(pad), {{"pad_top", 1024}, {"mode", 1}}, {S(1, 5, 6, 3)}, S(1, 1029, 6, 3), 0},
    {OP(pad), {{"pad_top", 5}, {"mode", 2}}, {S(1, 5, 6, 3)}, NONE, "mirrored"},
    {OP(pad), {{"pad_right", 6}, {"mode", 2}}, {S(1, 5, 6, 3)}, NONE, "mirrored"},
    {OP(pad), {{"mode", 1}, {"value", 1}}, {S(1, 5, 6, 3)}, NONE, "value"},
    /* reshape */
    {OP(reshape), {{"n", 0}, {"h", 1}, {"w", -1}, {"c", 0}}, {S(1, 4, 6, 3)}, S(1, 1, 24, 3), 0},
    {OP(reshape), {{"n", 4}, {"h", 3}, {"w", 3}, {"c", 2}}, {S(1, 4, 6, 3)}, S(4, 3, 3, 2), 0},
    {OP(reshape), {{"n", -1}, {"h", 5}, {"w", 1}, {"c", 1}}, {S(1, 4, 6, 3)}, NONE, "72 elements"},
    {OP(reshape), {{"n", -1}, {"h", -1}, {"w", 1}, {"c", 1}}, {S(1, 4, 6, 3)}, NONE, "more than one"},
    {OP(reshape), {{"n", 1}, {"h", 4}, {"w", 6}, {"c", 4}}, {S(1, 4, 6, 3)}, NONE, "72"},
    {OP(reshape), {{"n", 65536}, {"h", 1048576}, {"w", 1048576}, {"c", 1048576}}, {S(1, 4, 6, 3)}, NONE, "72"},
    {OP(reshape), {{"n", -1}, {"h", 128}, {"w", 1}, {"c", 1}}, {S(1, 4, 6, 3)}, NONE, "72"},
    /* transpose */
    {OP(transpose), {{"axis0", 3}, {"axis1", 0}, {"axis2", 1}, {"axis3", 2}}, {S(2, 3, 4, 5)}, S(5, 2, 3, 4), 0},
    {OP(transpose), {{"axis0", 1}}, {S(2, 3, 4, 5)}, NONE, "permutation"},
    /* quantize, conv2d_i8 */
    {OP(quantize), {{"zero", 255}}, {S(2, 3, 4, 5)}, S(2, 3, 4, 5), 0},
    {OP(quantize), {{"scale", 0}}, {S(2, 3, 4, 5)}, NONE, "scale"},
    {OP(quantize), {{"scale", 1e-31}}, {S(2, 3, 4, 5)}, NONE, "scale"},
    {OP(quantize), {{"zero", 256}}, {S(2, 3, 4, 5)}, NONE, "zero"},
    {OP(conv2d_i8), {{"stride", 2}, {"pad_top", 1}}, {S(1, 9, 7, 4), S(8, 3, 3, 4)}, S(1, 4, 3, 8), 0},
    {OP(conv2d_i8), {{"dilation", 2}, {"groups", 4}}, {S(1, 9, 7, 4), S(4, 3, 3, 1)}, S(1, 5, 3, 4), 0},
    {OP(conv2d_i8),
     {{"residual", 1}},
     {S(1, 3, 3, 8), S(8, 1, 1, 8), S(1, 1, 1, 8), NONE, NONE, S(1, 3, 3, 8)},
     S(1, 3, 3, 8),
     0},
    {OP(conv2d_i8), {{"groups", 2}}, {S(1, 3, 3, 8), S(12, 3, 3, 4)}, NONE, "neither 1 nor"},
    {OP(conv2d_i8), {{"groups", 4}}, {S(1, 3, 3, 4), S(8, 3, 3, 1)}, NONE, "neither 1 nor"},
    {OP(conv2d_i8), {{0}}, {S(1, 3, 3, 8), S(12, 1, 1, 7)}, NONE, "input 1"},
    {OP(conv2d_i8),
     {{0}},
     {S(1, 3, 3, 8), S(8, 1, 1, 8), NONE, S(1, 1, 1, 8), S(1, 1, 1, 8)},
     NONE,
     "no scale and shift"},
    {OP(conv2d_i8), {{0}}, {S(1, 1, 1, 65793), S(8, 1, 1, 65793)}, S(1, 1, 1, 8), 0},
    {OP(conv2d_i8), {{0}}, {S(1, 1, 1, 65794), S(8, 1, 1, 65794)}, NONE, "may not be exact"},
    {OP(conv2d_i8), {{"groups", 2}}, {S(1, 3, 258, 2), S(2, 2, 257, 1)}, S(1, 2, 2, 2), 0},
    {OP(conv2d_i8), {{"groups", 2}}, {S(1, 50, 50, 2), S(2, 1, 1024, 1)}, NONE, "smaller"},
    {OP(conv2d_i8), {{"groups", 2}}, {S(1, 50, 103, 2), S(2, 5, 103, 1)}, NONE, "may not be exact"},
    {OP(conv2d_i8), {{"out_zero", 3}}, {S(1, 3, 3, 8), S(8, 1, 1, 8)}, NONE, "out_zero"},
    {OP(conv2d_i8), {{"out_scale", 1e-33}}, {S(1, 3, 3, 8), S(8, 1, 1, 8)}, NONE, "out_scale"},
    {OP(conv2d_i8), {{"out_scale", -1}}, {S(1, 3, 3, 8), S(8, 1, 1, 8)}, NONE, "out_scale"},
    {OP(conv2d_i8), {{"x_zero", 256}}, {S(1, 3, 3, 8), S(8, 1, 1, 8)}, NONE, "x_zero"},
    {OP(conv2d_i8), {{"x_scale", 0}}, {S(1, 3, 3, 8), S(8, 1, 1, 8)}, NONE, "x_scale"},
    {OP(conv2d_i8), {{"act", 4}, {"act_p0", 1}}, {S(1, 3, 3, 8), S(8, 1, 1, 8)}, NONE, "act_p0"},
};

static void set_attr(cz_attr *attr, uint32_t id, const char *name, double value) {
    const cz_attr_info *row = cz_op_find(id)->attributes;
    for (size_t k = 0; row[k].name[0] != 0; k++) {
        if (strcmp(row[k].name, name) != 0) continue;
        const float f = (float)value;
        const int32_t i = row[k].is_float ? 0 : (int32_t)value;
        if (row[k].is_float)
            memcpy(&attr->words[k], &f, sizeof f);
        else
            memcpy(&attr->words[k], &i, sizeof i);
        return;
    }
    fail_msg("no attribute %s", name);
}

static void run_case(const shape_case *c, size_t index) {
    cz_attr attr = mb_attr(c->id);
    cz_shape out = {{0}};
    cz_error err = {0};
    for (size_t k = 0; k < CZ_COUNT(c->attr) && c->attr[k].name != NULL; k++)
        set_attr(&attr, c->id, c->attr[k].name, c->attr[k].value);
    int32_t status = cz_op_check(c->id, &attr, &err);
    if (status == COLORIZER_OK) status = cz_op_shape(c->id, &attr, c->in, &out, &err);
    if (c->out.d[0] == 0) {
        if (status != COLORIZER_E_MODEL || strstr(err.text, c->text) == NULL)
            fail_msg("case %zu (%s): %d '%s', not '%s'", index, cz_op_find(c->id)->name, (int)status, err.text,
                     c->text);
        return;
    }
    if (status != COLORIZER_OK || memcmp(&out, &c->out, sizeof out) != 0)
        fail_msg("case %zu (%s): %d '%s' [%u,%u,%u,%u]", index, cz_op_find(c->id)->name, (int)status, err.text,
                 (unsigned)out.d[0], (unsigned)out.d[1], (unsigned)out.d[2], (unsigned)out.d[3]);
    assert_true(cz_op_work(c->id, &attr, c->in, &out) > 0);
}

/** Each case; and no operator is without a good and, where its rule can refuse anything, a bad one. */
static void test_shapes(void **state) {
    int good[64] = {0}, bad[64] = {0};
    (void)state;
    for (size_t i = 0; i < CZ_COUNT(cases); i++) {
        run_case(&cases[i], i);
        (cases[i].out.d[0] == 0 ? bad : good)[cases[i].id]++;
    }
#define CZ_OP(number, name, required, optional, packed, attributes)                                                    \
    if (good[number] == 0 || bad[number] == 0) fail_msg("%s has no good or no bad case", #name);
#include "model/ops.def"
#undef CZ_OP
}

/** Every attribute: its limits pass, the next value outside does not, nor does NaN. */
static void test_ranges(void **state) {
    static const uint32_t not_finite[] = {0x7FC00000u, 0xFFC00001u, 0x7F800001u, 0x7F800000u, 0xFF800000u};
    cz_error err;
    (void)state;
    for (uint32_t id = 0; id < 256; id++) {
        if (cz_op_find(id) == NULL) continue;
        const cz_attr_info *row = cz_op_find(id)->attributes;
        for (size_t k = 0; row[k].name[0] != 0; k++) {
            const bool f = row[k].is_float;
            const double outside[2] = {(f ? (double)row[k].low.f : row[k].low.i) - 1,
                                       (f ? (double)row[k].high.f : row[k].high.i) + 1};
            for (int side = 0; side < 2; side++) {
                cz_attr attr = mb_attr(id);
                if (outside[side] > 0x7fffffff && !f) continue; /* cannot be stored */
                if (f && outside[1] > 1e20) continue;           /* + 1 is lost in rounding */
                set_attr(&attr, id, row[k].name, outside[side]);
                assert_int_equal(cz_op_check(id, &attr, &err), COLORIZER_E_MODEL);
                assert_non_null(strstr(err.text, row[k].name));
            }
            for (size_t b = 0; f && b < CZ_COUNT(not_finite); b++) {
                cz_attr attr = mb_attr(id);
                attr.words[k] = not_finite[b];
                assert_int_equal(cz_op_check(id, &attr, &err), COLORIZER_E_MODEL);
            }
        }
    }
}

/* ---------------------------------------------------------------- whole models */

typedef struct loaded {
    unsigned char *bytes;
    size_t size;
    cz_file file;
    cz_alloc alloc;
    cz_model *model;
    cz_error err;
} loaded;

static int32_t load(loaded *l, mb_model *m) {
    *l = (loaded){.alloc = cz_alloc_make(NULL, NULL, NULL)};
    mb_write(m, &l->bytes, &l->size);
    mb_free(m);
    int32_t status = cz_file_open(&l->file, l->bytes, l->size, &l->err);
    if (status == COLORIZER_OK) status = cz_model_make(&l->model, &l->file, &l->alloc, &l->err);
    return status;
}

static void unload(loaded *l) {
    cz_model_free(l->model, &l->alloc);
    free(l->bytes);
}

static void test_every_operator(void **state) {
    mb_model m = {0};
    loaded l;
    cz_shape in = S(1, 16, 24, 4), all[256];
    bool used[64] = {false};
    (void)state;
    mb_every_operator(&m);
    assert_int_equal(load(&l, &m), COLORIZER_OK);
    for (uint32_t i = 0; i < l.model->n_ops; i++) used[l.model->ops[i].id] = true;
#define CZ_OP(number, name, required, optional, packed, attributes)                                                    \
    if (!used[number]) fail_msg("mb_every_operator lacks %s", #name);
#include "model/ops.def"
#undef CZ_OP
    assert_int_equal(cz_model_shapes(l.model, &in, all, &l.err), COLORIZER_OK);
    const cz_shape colour = all[l.model->outputs[cz_model_find_output(l.model, "colour")].tensor];
    const cz_shape flat = all[l.model->outputs[cz_model_find_output(l.model, "flat")].tensor];
    assert_memory_equal(&colour, (&(cz_shape)S(1, 16, 24, 2)), sizeof colour);
    assert_memory_equal(&flat, (&(cz_shape)S(1, 1, 6, 17 * 26)), sizeof flat);
    assert_int_equal(cz_model_find_input(l.model, "image"), 0);
    assert_int_equal(cz_model_find_input(l.model, "imag"), -1);
    assert_int_equal(cz_model_find_output(l.model, "colour "), -1);
    assert_int_equal(cz_model_find_constant(l.model, "conv.w"), 0);
    assert_int_equal(cz_model_find_constant(l.model, ""), -1);
    const cz_text *name = cz_model_find_metadata(l.model, "name");
    assert_true(name != NULL && name->size == 14 && memcmp(name->data, "every operator", 14) == 0);
    assert_null(cz_model_find_metadata(l.model, "licence"));
    unload(&l);
}

static void test_input_sizes(void **state) {
    static const struct {
        cz_shape in;
        bool good;
    } sizes[] = {{S(1, 8, 8, 4), true},
                 {S(1, 8, 800, 4), true},
                 {S(1, 12, 8, 4), false},
                 {S(1, 8, 0, 4), false},
                 {S(1, 0, 8, 4), false},
                 {S(2, 8, 8, 4), false},
                 {S(0, 8, 8, 4), false},
                 {S(1, 8, 8, 3), false},
                 {S(1, 0xFFFFFFF8u, 0xFFFFFFF8u, 4), false},
                 {S(1, 1u << 31, 1u << 31, 4), false}};
    mb_model m = {0};
    loaded l;
    cz_shape all[256];
    (void)state;
    mb_every_operator(&m);
    assert_int_equal(load(&l, &m), COLORIZER_OK);
    for (size_t i = 0; i < CZ_COUNT(sizes); i++) {
        const int32_t status = cz_model_shapes(l.model, &sizes[i].in, all, &l.err);
        assert_int_equal(status, sizes[i].good ? COLORIZER_OK : COLORIZER_E_MODEL);
    }
    unload(&l);
}

/** Operators that each fit, but together ask for more than CZ_MAX_TOTAL_ELEMENTS: results of 2^28 elements each. */
static void test_total_elements(void **state) {
    (void)state;
    for (int count = 7; count <= 8; count++) {
        mb_model m = {0};
        loaded l;
        cz_attr a = mb_attr(CZ_OP_resize);
        a.resize.num_h = a.resize.num_w = 64;
        const mb_tensor x = mb_input(&m, "x", 1, 256, 256, 1);
        mb_tensor y = x;
        for (int i = 0; i < count; i++) y = mb_op3(&m, CZ_OP_resize, &a, x, CZ_NO_TENSOR, CZ_NO_TENSOR);
        mb_output(&m, "y", y);
        assert_int_equal(load(&l, &m), count == 7 ? COLORIZER_OK : COLORIZER_E_MODEL); /* the input makes 8 too many */
        if (count == 8) assert_non_null(strstr(l.err.text, "limit"));
        unload(&l);
    }
}

/** One weight of 2^26 elements, packed by more and more operators. */
static void test_weight_elements(void **state) {
    (void)state;
    mb_model m = {0};
    loaded l;
    const cz_attr a = mb_attr(CZ_OP_linear);
    const mb_tensor w = mb_constant(&m, "w", CZ_I8, 8192, 1, 1, 8192);
    mb_tensor y = mb_input(&m, "x", 1, 1, 1, 8192);
    for (int i = 0; i < 4; i++) y = mb_op3(&m, CZ_OP_linear, &a, y, w, CZ_NO_TENSOR);
    mb_output(&m, "y", y);
    mb_model more = m;
    more.constants[0].block = malloc(m.constants[0].bytes);
    memcpy(more.constants[0].block, m.constants[0].block, m.constants[0].bytes);
    assert_int_equal(load(&l, &m), COLORIZER_OK); /* 4 times 2^26 is the limit */
    unload(&l);
    mb_op3(&more, CZ_OP_linear, &a, y, w, CZ_NO_TENSOR);
    assert_int_equal(load(&l, &more), COLORIZER_E_MODEL);
    assert_non_null(strstr(l.err.text, "weights"));
    unload(&l);
}

/** A group's one output channel takes a vector of 16; in a depthwise convolution the channels share vectors. */
static void test_weight_padding(void **state) {
    (void)state;
    for (int depthwise = 0; depthwise < 2; depthwise++) {
        mb_model m = {0};
        loaded l;
        cz_attr a = mb_attr(CZ_OP_conv2d);
        a.conv2d.groups = 64;
        const mb_tensor x = mb_input(&m, "x", 1, 1024, 1024, depthwise ? 64 : 128);
        const mb_tensor w = mb_constant(&m, "w", CZ_I8, 64, 512, 512, depthwise ? 1 : 2);
        const mb_tensor y = mb_op3(&m, CZ_OP_conv2d, &a, x, w, CZ_NO_TENSOR); /* 2^24 or 2^25, and 2^29 packed */
        mb_output(&m, "y", y);
        assert_int_equal(load(&l, &m), depthwise ? COLORIZER_OK : COLORIZER_E_MODEL);
        if (!depthwise) assert_non_null(strstr(l.err.text, "weights"));
        unload(&l);
    }
}

/** A u8 tensor is read by nothing that takes f32, and the other way round; outputs and weights have their types. */
static void test_types(void **state) {
    static const char *const wrong[] = {
        NULL,                   /* u8 -> conv2d_i8: good */
        "input 0: is f32",      /* f32 -> conv2d_i8 */
        "input 0: is f32",      /* a constant, stored as i8 -> conv2d_i8 */
        "input 0: is u8",       /* u8 -> quantize */
        "input 1: is u8",       /* u8 -> add's second input */
        "input 5: is u8",       /* u8 as the residual */
        "output 0: is u8",      /* from quantize */
        "output 0: is u8",      /* from conv2d_i8 */
        "the weight is not i8", /* f32 */
        "the weight is not i8", /* f16 */
    };
    (void)state;
    for (size_t i = 0; i < CZ_COUNT(wrong); i++) {
        mb_model m = {0};
        loaded l;
        cz_attr a = mb_attr(CZ_OP_quantize);
        const mb_tensor x = mb_input(&m, "x", 1, 8, 8, 4), none = CZ_NO_TENSOR;
        const mb_tensor w = mb_constant(&m, "w", i == 8 ? CZ_F32 : i == 9 ? CZ_F16 : CZ_I8, 4, 1, 1, 4);
        const mb_tensor image = mb_constant(&m, "image", CZ_I8, 1, 8, 8, 4);
        const mb_tensor q = mb_op3(&m, CZ_OP_quantize, &a, x, none, none);
        mb_tensor y = i == 3 ? mb_op3(&m, CZ_OP_quantize, &a, q, none, none) : q;
        a = mb_attr(CZ_OP_conv2d_i8);
        if (i == 7) a.conv2d_i8.out_scale = 1;
        if (i == 5) a.conv2d_i8.residual = 2;
        const mb_tensor in[6] = {i == 1 ? x : i == 2 ? image : q, w, none, none, none, i == 5 ? q : none};
        if (i != 3 && i != 6) y = mb_op(&m, "conv", CZ_OP_conv2d_i8, &a, in, 6);
        a = mb_attr(CZ_OP_add);
        if (i == 4) y = mb_op3(&m, CZ_OP_add, &a, y, q, none);
        mb_output(&m, "y", y);
        const int32_t status = load(&l, &m);
        assert_int_equal(status, wrong[i] == NULL ? COLORIZER_OK : COLORIZER_E_MODEL);
        if (wrong[i] != NULL && strstr(l.err.text, wrong[i]) == NULL)
            fail_msg("case %zu: '%s', not '%s'", i, l.err.text, wrong[i]);
        unload(&l);
    }
}

/* ---------------------------------------------------------------- constants */

/** Every finite half, against its definition. */
static void test_half(void **state) {
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        const uint32_t exponent = h >> 10 & 31, fraction = h & 1023;
        const uint16_t sample = (uint16_t)h;
        const cz_constant c = {.shape = S(1, 1, 1, 1), .dtype = CZ_F16, .data = &sample};
        double expected = exponent == 0 ? fraction / 16777216.0 : (1024 + fraction) / 16777216.0;
        float got;
        if (exponent == 31) continue;
        for (uint32_t e = 1; e < exponent; e++) expected *= 2;
        cz_constant_read(&c, 0, 1, &got);
        const float wanted = (float)(h & 0x8000 ? -expected : expected);
        assert_memory_equal(&got, &wanted, sizeof got);
    }
}

static void test_constant_ranges(void **state) {
    static const int8_t samples[12] = {1, -2, 3, 127, -128, 0, 7, 8, 9, -10, 11, 12};
    static const float scale[3] = {0.5f, -2, 0.25f};
    const cz_constant c = {.shape = S(3, 1, 2, 2), .dtype = CZ_I8, .data = samples, .scale = scale};
    float got[12];
    (void)state;
    for (size_t first = 0; first < 12; first++)
        for (size_t count = 0; first + count <= 12; count++) {
            memset(got, 0xFF, sizeof got);
            cz_constant_read(&c, first, count, got);
            for (size_t i = 0; i < count; i++) {
                const float wanted = (float)samples[first + i] * scale[(first + i) / 4];
                assert_true(got[i] == wanted);
            }
            for (size_t i = count; i < 12; i++) assert_memory_equal(&got[i], "\xFF\xFF\xFF\xFF", 4);
        }
    const cz_constant f = {.shape = S(1, 1, 1, 3), .dtype = CZ_F32, .data = scale};
    cz_constant_read(&f, 1, 2, got);
    assert_true(got[0] == -2 && got[1] == 0.25f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),          cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_every_operator),  cmocka_unit_test(test_input_sizes),
        cmocka_unit_test(test_total_elements),  cmocka_unit_test(test_weight_elements),
        cmocka_unit_test(test_weight_padding),  cmocka_unit_test(test_half),
        cmocka_unit_test(test_constant_ranges), cmocka_unit_test(test_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
