/* SPDX-License-Identifier: BSD-2-Clause
 * Cases of operators: attributes and input shapes. The result's shape comes from the operator's shape rule. */
#ifndef CZ_TESTS_KERNEL_CASES_H
#define CZ_TESTS_KERNEL_CASES_H

#include "model/model.h"

typedef struct kernel_case {
    const char *name;
    uint32_t op;
    cz_attr attr;
    cz_shape in[CZ_MAX_INPUTS];
    float range; /* inputs lie in -range .. range; 0 stands for 1 */
} kernel_case;

/** Rows of several files, each ended by a row whose name is NULL. A new file of rows is added in kernel_cases.c. */
extern const kernel_case *const kernel_case_lists[];
extern const size_t kernel_case_list_count;

extern const kernel_case kernel_cases_heavy[];    /* conv2d, conv_transpose2d, linear, matmul, attention */
extern const kernel_case kernel_cases_light[];    /* the rest */
extern const kernel_case kernel_cases_i8[];       /* quantize, conv2d_i8 */
extern const kernel_case kernel_cases_narrow[];   /* conv2d to few output channels */
extern const kernel_case kernel_cases_winograd[]; /* conv2d and conv_transpose2d that go by Winograd */

/** Shapes in short. */
#define S4(n, h, w, c)                                                                                                 \
    {                                                                                                                  \
        { n, h, w, c }                                                                                                 \
    }
#define NONE                                                                                                           \
    {                                                                                                                  \
        { 0, 0, 0, 0 }                                                                                                 \
    }
#define VEC(c)                                                                                                         \
    {                                                                                                                  \
        { 1, 1, 1, c }                                                                                                 \
    }

#endif
