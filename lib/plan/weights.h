/* SPDX-License-Identifier: BSD-2-Clause
 * A model's constants as kernels read them: packed weights, and plain operands as f32. Made once a model and
 * instruction set; shared by every plan and every clone. */
#ifndef CZ_PLAN_WEIGHTS_H
#define CZ_PLAN_WEIGHTS_H

#include "base/alloc.h"
#include "kernels/kernel.h"
#include "model/model.h"

typedef struct cz_weights {
    const cz_set *set;
    const void **packed; /* by operator; NULL where the operator packs nothing */
    const float **plain; /* by constant; NULL where only packed. f32 constants are used in place */
    size_t bytes;        /* of the one block that holds this struct and all it points to */
} cz_weights;

/** Makes the weights of `model` for the kernels of `cpu` in one block. The model must outlive them. */
int32_t cz_weights_make(cz_weights **out, const cz_model *model, int32_t cpu, const cz_alloc *a, cz_error *err);
void cz_weights_free(cz_weights *w, const cz_alloc *a);

#endif
