/* SPDX-License-Identifier: BSD-2-Clause
 * A file's network as a typed operator list. Everything here is constant once made.
 *
 * Tensor ids count inputs, then constants, then one for each operator. Texts, and the samples of constants, lie in the
 * file's bytes, which must outlive the model. */
#ifndef CZ_MODEL_MODEL_H
#define CZ_MODEL_MODEL_H

#include "base/alloc.h"
#include "base/error.h"
#include "file/czw.h"
#include "model/ops.h"

/** Most elements of all inputs and results together, at any size a model is planned for. */
#define CZ_MAX_TOTAL_ELEMENTS ((uint64_t)1 << 31)
/** Most elements of packed weights together, once for each operator that packs them, filled up to whole vectors. */
#define CZ_MAX_WEIGHT_ELEMENTS ((uint64_t)1 << 28)
/** Largest height or width of a convolution's kernel. */
#define CZ_MAX_KERNEL 1024u
/** A run-time height or width is taken as the least multiple not below this when a model is checked at opening. */
#define CZ_NOMINAL_SIDE 256u

/** The attributes of one operator: the words of its record and, by name, the same memory with types. */
typedef union cz_attr {
    uint32_t words[CZ_ATTR_WORDS];
#define CZ_OP(id, name, required, optional, packed, attributes) cz_attr_##name name;
#include "model/ops.def"
#undef CZ_OP
} cz_attr;

typedef struct cz_op {
    uint32_t id;                /* CZ_OP_conv2d ... */
    uint32_t in[CZ_MAX_INPUTS]; /* tensor ids; CZ_NO_TENSOR where absent */
    cz_attr attr;
    cz_text name; /* may be empty */
} cz_op;

typedef struct cz_input {
    cz_text name;
    uint32_t multiple; /* run-time height and width are multiples of it */
    uint32_t dims[4];  /* N, H, W, C; H and W both 0: chosen at run time */
} cz_input;

typedef struct cz_output {
    cz_text name;
    uint32_t tensor; /* an operator's */
} cz_output;

typedef struct cz_model {
    uint32_t n_inputs, n_constants, n_ops, n_outputs, n_metadata;
    uint32_t n_tensors; /* n_inputs + n_constants + n_ops */
    cz_input *inputs;
    cz_constant *constants;
    cz_text *constant_names;
    cz_op *ops; /* operator i writes tensor n_inputs + n_constants + i */
    cz_output *outputs;
    cz_file_metadata *metadata;
    size_t bytes; /* of the one block that holds this struct and all it points to */
} cz_model;

/** Makes a model of a verified file in one block. @return OK, E_MODEL or E_MEMORY. */
int32_t cz_model_make(cz_model **out, const cz_file *file, const cz_alloc *a, cz_error *err);
void cz_model_free(cz_model *m, const cz_alloc *a);

/** The shapes of all tensors for the given shapes of the inputs: `all` has n_tensors elements, constants included.
 *  Refuses sizes that the inputs' records or a shape rule do not allow, and totals above the limits.
 *  @return OK or E_MODEL. */
int32_t cz_model_shapes(const cz_model *m, const cz_shape *inputs, cz_shape *all, cz_error *err);

/** The index of an input, output or constant by its name, or -1. */
int32_t cz_model_find_input(const cz_model *m, const char *name);
int32_t cz_model_find_output(const cz_model *m, const char *name);
int32_t cz_model_find_constant(const cz_model *m, const char *name);
/** The value of a metadata key, or NULL. */
const cz_text *cz_model_find_metadata(const cz_model *m, const char *key);

/** What a tensor id stands for. */
static inline bool cz_model_is_input(const cz_model *m, uint32_t t) { return t < m->n_inputs; }
static inline bool cz_model_is_constant(const cz_model *m, uint32_t t) {
    return t >= m->n_inputs && t < m->n_inputs + m->n_constants;
}
static inline bool cz_model_is_op(const cz_model *m, uint32_t t) {
    return t >= m->n_inputs + m->n_constants && t < m->n_tensors;
}
/** The tensor that operator i writes. */
static inline uint32_t cz_model_op_tensor(const cz_model *m, uint32_t i) { return m->n_inputs + m->n_constants + i; }

/** Type of a tensor: inputs are f32, and constants where an operator reads them as they are. */
enum cz_type cz_model_type(const cz_model *m, uint32_t tensor);

/* ---------------------------------------------------------------- the operator table */

/** One attribute of an operator: a row A_I or A_F of ops.def. Names lie in the row: pointers would have to be relocated
 *  at every load, and take more room than the names. */
typedef struct cz_attr_info {
    char name[15]; /* empty: ends a list */
    bool is_float;
    union {
        int32_t i;
        float f;
    } low, high;
} cz_attr_info;

/** One row of ops.def. */
typedef struct cz_op_info {
    char name[20]; /* empty: no such operator */
    uint32_t required, optional;
    bool packed;
    const cz_attr_info *attributes;
} cz_op_info;

/** The row of an operator id, or NULL. */
const cz_op_info *cz_op_find(uint32_t id);

/** Checks attribute words: ranges, unused words, and what ranges cannot say (an activation's limits, a permutation).
 *  @return OK or E_MODEL. */
int32_t cz_op_check(uint32_t id, const cz_attr *attr, cz_error *err);

/** The result's shape for the inputs' shapes (d[0] == 0: absent): the row's shape rule, and that every dimension and
 * the number of elements are in bounds. */
int32_t cz_op_shape(uint32_t id, const cz_attr *attr, const cz_shape in[CZ_MAX_INPUTS], cz_shape *out, cz_error *err);

/** Type of an operator's result, and what its input k must have. */
enum cz_type cz_op_result_type(uint32_t id, const cz_attr *attr);
enum cz_type cz_op_input_type(uint32_t id, uint32_t k);

/** About how many multiply-adds, or element visits, an operator costs; for progress and for limits. At most 2^63. */
uint64_t cz_op_work(uint32_t id, const cz_attr *attr, const cz_shape in[CZ_MAX_INPUTS], const cz_shape *out);

/* The shape rules, one an operator, as in docs/format.md. */
#define CZ_OP(id, name, required, optional, packed, attributes)                                                        \
    int32_t cz_shape_##name(const cz_attr_##name *a, const cz_shape in[CZ_MAX_INPUTS], cz_shape *out, cz_error *err);
#include "model/ops.def"
#undef CZ_OP

#endif
