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
    void **packed; /* by operator; NULL where the operator packs nothing */
    float **plain; /* by constant; NULL where it is not kept, or f32 in memory and used in place */
    size_t bytes;  /* of the one block that holds this struct and all it points to */
} cz_weights;

/** Makes the weights of `model`, whose constants are in memory, for the kernels of `cpu` in one block. The model must
 *  outlive them. @return OK or E_MEMORY. */
int32_t cz_weights_make(cz_weights **out, const cz_model *model, int32_t cpu, const cz_alloc *a, cz_error *err);

/** Writes the next `size` bytes of a file to `to`. @return OK, or an error with its text. */
typedef int32_t cz_read_fn(void *user, void *to, size_t size, cz_error *err);

/** The same for a model of which cz_file_open_head() has verified the head: reads and verifies the payload block by
 *  block, each packed before the next is read. Kept f32 constants of `model` then see the weights' copy.
 *  @return OK, E_MEMORY, what `read` returned, or as cz_file_payload_end(). */
int32_t cz_weights_read(cz_weights **out, cz_model *model, const cz_file *file, cz_read_fn *read, void *user,
                        int32_t cpu, const cz_alloc *a, cz_error *err);
void cz_weights_free(cz_weights *w, const cz_alloc *a);

#endif
