/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/model.h"

#include <string.h>

/* ---------------------------------------------------------------- one block */

/** Where each array lies in the model's block: sizing and filling use the same. */
typedef struct layout {
    size_t inputs, constants, names, ops, outputs, metadata, end;
} layout;

static bool lay_out(const cz_file *f, layout *l) {
    const uint32_t *n = f->count;
    l->end = sizeof(cz_model);
    return cz_layout(&l->end, n[CZ_FILE_INPUT], sizeof(cz_input), &l->inputs) &&
           cz_layout(&l->end, n[CZ_FILE_CONSTANT], sizeof(cz_constant), &l->constants) &&
           cz_layout(&l->end, n[CZ_FILE_CONSTANT], sizeof(cz_text), &l->names) &&
           cz_layout(&l->end, n[CZ_FILE_OPERATOR], sizeof(cz_op), &l->ops) &&
           cz_layout(&l->end, n[CZ_FILE_OUTPUT], sizeof(cz_output), &l->outputs) &&
           cz_layout(&l->end, n[CZ_FILE_METADATA], sizeof(cz_file_metadata), &l->metadata);
}

static void place(cz_model *m, const cz_file *f, const layout *l) {
    unsigned char *base = (unsigned char *)m;
    *m = (cz_model){
        .n_inputs = f->count[CZ_FILE_INPUT],
        .n_constants = f->count[CZ_FILE_CONSTANT],
        .n_ops = f->count[CZ_FILE_OPERATOR],
        .n_outputs = f->count[CZ_FILE_OUTPUT],
        .n_metadata = f->count[CZ_FILE_METADATA],
        .n_tensors = f->count[CZ_FILE_INPUT] + f->count[CZ_FILE_CONSTANT] + f->count[CZ_FILE_OPERATOR],
        .inputs = (cz_input *)(void *)(base + l->inputs),
        .constants = (cz_constant *)(void *)(base + l->constants),
        .constant_names = (cz_text *)(void *)(base + l->names),
        .ops = (cz_op *)(void *)(base + l->ops),
        .outputs = (cz_output *)(void *)(base + l->outputs),
        .metadata = (cz_file_metadata *)(void *)(base + l->metadata),
        .bytes = l->end,
    };
}

static void fill(cz_model *m, const cz_file *f) {
    for (uint32_t i = 0; i < m->n_inputs; i++) {
        cz_file_input r;
        cz_file_get_input(f, i, &r);
        m->inputs[i] = (cz_input){.name = r.name, .multiple = r.multiple};
        memcpy(m->inputs[i].dims, r.dims, sizeof r.dims);
    }
    for (uint32_t i = 0; i < m->n_constants; i++) {
        cz_file_constant r;
        cz_file_get_constant(f, i, &r);
        cz_constant *c = &m->constants[i];
        memcpy(c->shape.d, r.dims, sizeof r.dims);
        c->dtype = r.dtype;
        if (f->held == f->size) cz_constant_see(c, f->bytes + r.offset);
        m->constant_names[i] = r.name;
    }
    for (uint32_t i = 0; i < m->n_ops; i++) {
        cz_file_operator r;
        cz_file_get_operator(f, i, &r);
        m->ops[i] = (cz_op){.id = r.id, .name = r.name};
        memcpy(m->ops[i].in, r.inputs, sizeof r.inputs);
        memcpy(m->ops[i].attr.words, r.attributes, sizeof r.attributes);
    }
    for (uint32_t i = 0; i < m->n_outputs; i++) {
        cz_file_output r;
        cz_file_get_output(f, i, &r);
        m->outputs[i] = (cz_output){.name = r.name, .tensor = r.tensor};
    }
    for (uint32_t i = 0; i < m->n_metadata; i++) cz_file_get_metadata(f, i, &m->metadata[i]);
}

/* ---------------------------------------------------------------- checks */

/** Puts the operator's place before the text that a check left. */
static int32_t in_operator(const cz_model *m, uint32_t i, int32_t status, const cz_error *inner, cz_error *err) {
    const cz_op *op = &m->ops[i];
    const cz_op_info *info = cz_op_find(op->id);
    const int shown = op->name.size < 64 ? (int)op->name.size : 64;
    return cz_fail(err, status, "operator %u (%s '%.*s'): %s", (unsigned)i, info == NULL ? "?" : info->name, shown,
                   op->name.data, inner->text);
}

static int32_t check_inputs(const cz_model *m, const cz_op *op, const cz_op_info *info, cz_error *err) {
    for (uint32_t k = 0; k < CZ_MAX_INPUTS; k++) {
        if (op->in[k] == CZ_NO_TENSOR && k < info->required)
            return cz_fail(err, COLORIZER_E_MODEL, "input %u: not given", (unsigned)k);
        if (op->in[k] != CZ_NO_TENSOR && k >= info->required + info->optional)
            return cz_fail(err, COLORIZER_E_MODEL, "input %u: one too many", (unsigned)k);
    }
    if (info->packed && !cz_model_is_constant(m, op->in[1]))
        return cz_fail(err, COLORIZER_E_MODEL, "input 1: the weight is not a constant");
    return COLORIZER_OK;
}

enum cz_type cz_model_type(const cz_model *m, uint32_t tensor) {
    if (!cz_model_is_op(m, tensor)) return CZ_TYPE_F32;
    const cz_op *op = &m->ops[tensor - cz_model_op_tensor(m, 0)];
    return cz_op_result_type(op->id, &op->attr);
}

/** Each input has the type that the operator reads, and the weight of conv2d_i8 is stored as i8. The operators before
 *  have been checked. */
static int32_t check_types(const cz_model *m, const cz_op *op, cz_error *err) {
    static const char name[][4] = {[CZ_TYPE_F32] = "f32", [CZ_TYPE_U8] = "u8"};
    for (uint32_t k = 0; k < CZ_MAX_INPUTS; k++) {
        if (op->in[k] == CZ_NO_TENSOR) continue;
        const enum cz_type is = cz_model_type(m, op->in[k]), must = cz_op_input_type(op->id, k);
        if (is != must)
            return cz_fail(err, COLORIZER_E_MODEL, "input %u: is %s, not %s", (unsigned)k, name[is], name[must]);
    }
    if (op->id == CZ_OP_conv2d_i8 && m->constants[op->in[1] - m->n_inputs].dtype != CZ_I8)
        return cz_fail(err, COLORIZER_E_MODEL, "input 1: the weight is not i8");
    return COLORIZER_OK;
}

/** Elements that an operator's packed weight takes: the output channels of each group fill whole vectors of 16, those
 *  of a depthwise convolution together. At most 2^50. */
static uint64_t packed_elements(const cz_op *op, const cz_shape *w) {
    const uint32_t groups = op->id == CZ_OP_conv2d             ? (uint32_t)op->attr.conv2d.groups
                            : op->id == CZ_OP_conv2d_i8        ? (uint32_t)op->attr.conv2d_i8.groups
                            : op->id == CZ_OP_conv_transpose2d ? (uint32_t)op->attr.conv_transpose2d.groups
                                                               : 1;
    const bool depthwise = op->id != CZ_OP_conv_transpose2d && groups == w->d[0] && w->d[3] == 1;
    const uint64_t parts = depthwise ? 1 : groups, channels = (w->d[0] + parts - 1) / parts;
    return parts * ((channels + 15) / 16 * 16) * w->d[1] * w->d[2] * w->d[3];
}

static int32_t check_ops(const cz_model *m, cz_error *err) {
    uint64_t weights = 0;
    for (uint32_t i = 0; i < m->n_ops; i++) {
        const cz_op *op = &m->ops[i];
        const cz_op_info *info = cz_op_find(op->id);
        cz_error inner = {0};
        if (info == NULL)
            return cz_fail(err, COLORIZER_E_VERSION, "operator %u: number: %u is not known", (unsigned)i,
                           (unsigned)op->id);
        int32_t status = check_inputs(m, op, info, &inner);
        if (status == COLORIZER_OK) status = cz_op_check(op->id, &op->attr, &inner);
        if (status == COLORIZER_OK) status = check_types(m, op, &inner);
        if (status != COLORIZER_OK) return in_operator(m, i, status, &inner, err);
        if (info->packed) weights += packed_elements(op, &m->constants[op->in[1] - m->n_inputs].shape);
        if (weights > CZ_MAX_WEIGHT_ELEMENTS)
            return cz_fail(err, COLORIZER_E_MODEL, "operator %u: the model's weights are more than the limit",
                           (unsigned)i);
    }
    for (uint32_t i = 0; i < m->n_outputs; i++)
        if (cz_model_type(m, m->outputs[i].tensor) != CZ_TYPE_F32)
            return cz_fail(err, COLORIZER_E_MODEL, "output %u: is u8, not f32", (unsigned)i);
    return COLORIZER_OK;
}

/** Marks the constants whose samples are wanted as they are: those that an operator reads so, those that none packs,
 * and those of one slice, whoever packs them: the library reads such tables by their names. The operators are checked.
 */
static void mark_kept(cz_model *m) {
    for (uint32_t i = 0; i < m->n_constants; i++) m->constants[i].kept = true;
    for (uint32_t i = 0; i < m->n_ops; i++) {
        if (!cz_op_find(m->ops[i].id)->packed) continue;
        cz_constant *weight = &m->constants[m->ops[i].in[1] - m->n_inputs];
        weight->kept = weight->shape.d[0] == 1;
    }
    for (uint32_t i = 0; i < m->n_ops; i++)
        for (uint32_t k = 0; k < CZ_MAX_INPUTS; k++) {
            const uint32_t t = m->ops[i].in[k];
            const bool packs = k == 1 && cz_op_find(m->ops[i].id)->packed;
            if (cz_model_is_constant(m, t) && !packs) m->constants[t - m->n_inputs].kept = true;
        }
}

/** The shapes that a model must be able to run at: fixed sizes, or the least multiples not below CZ_NOMINAL_SIDE. */
static int32_t check_nominal(const cz_model *m, const cz_alloc *a, cz_error *err) {
    cz_shape inputs[CZ_FILE_MAX_INPUTS];
    for (uint32_t i = 0; i < m->n_inputs; i++) {
        const cz_input *in = &m->inputs[i];
        const uint32_t side = (uint32_t)cz_ceil_div(CZ_NOMINAL_SIDE, in->multiple) * in->multiple;
        const bool chosen = in->dims[1] == 0;
        inputs[i] = (cz_shape){{1, chosen ? side : in->dims[1], chosen ? side : in->dims[2], in->dims[3]}};
    }
    const size_t bytes = m->n_tensors * sizeof(cz_shape);
    cz_shape *all = cz_alloc_get(a, bytes);
    if (all == NULL) return cz_fail(err, COLORIZER_E_MEMORY, "model: %zu bytes for shapes", bytes);
    const int32_t status = cz_model_shapes(m, inputs, all, err);
    cz_alloc_put(a, all, bytes);
    return status;
}

int32_t cz_model_make(cz_model **out, const cz_file *file, const cz_alloc *a, cz_error *err) {
    layout l;
    *out = NULL;
    if (!lay_out(file, &l)) return cz_fail(err, COLORIZER_E_MEMORY, "model: its size does not fit a size_t");
    cz_model *m = cz_alloc_get(a, l.end);
    if (m == NULL) return cz_fail(err, COLORIZER_E_MEMORY, "model: %zu bytes", l.end);
    place(m, file, &l);
    fill(m, file);
    int32_t status = check_ops(m, err);
    if (status == COLORIZER_OK) status = check_nominal(m, a, err);
    if (status == COLORIZER_OK) {
        mark_kept(m);
        *out = m;
    } else {
        cz_model_free(m, a);
    }
    return status;
}

void cz_model_free(cz_model *m, const cz_alloc *a) {
    if (m != NULL) cz_alloc_put(a, m, m->bytes);
}

/* ---------------------------------------------------------------- shapes */

static int32_t check_input_size(const cz_model *m, uint32_t i, const cz_shape *s, cz_error *err) {
    const cz_input *in = &m->inputs[i];
    const bool chosen = in->dims[1] == 0;
    for (int k = 0; k < 4; k++) {
        const bool free_dim = chosen && (k == 1 || k == 2);
        if (free_dim ? s->d[k] == 0 || s->d[k] % in->multiple != 0 : s->d[k] != in->dims[k])
            return cz_fail(err, COLORIZER_E_MODEL, "input %u: dimension %d is %u, not %s%u", (unsigned)i, k,
                           (unsigned)s->d[k], free_dim ? "a multiple of " : "",
                           (unsigned)(free_dim ? in->multiple : in->dims[k]));
    }
    /* each at most 2^32 - 1: by steps, so that the product fits */
    uint64_t n = s->d[3];
    for (int k = 1; k <= 2; k++) {
        n *= s->d[k];
        if (n > CZ_MAX_ELEMENTS) return cz_fail(err, COLORIZER_E_MODEL, "input %u: too many elements", (unsigned)i);
    }
    return COLORIZER_OK;
}

/** The shapes of an operator's inputs; absent ones are zero. */
static void gather(const cz_op *op, const cz_shape *all, cz_shape in[CZ_MAX_INPUTS]) {
    for (int k = 0; k < CZ_MAX_INPUTS; k++)
        in[k] = op->in[k] == CZ_NO_TENSOR ? (cz_shape){{0, 0, 0, 0}} : all[op->in[k]];
}

int32_t cz_model_shapes(const cz_model *m, const cz_shape *inputs, cz_shape *all, cz_error *err) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < m->n_inputs; i++) {
        const int32_t status = check_input_size(m, i, &inputs[i], err);
        if (status != COLORIZER_OK) return status;
        all[i] = inputs[i];
        total += cz_elements(&all[i]); /* at most 4104 tensors of 2^29 */
    }
    for (uint32_t i = 0; i < m->n_constants; i++) all[m->n_inputs + i] = m->constants[i].shape;
    for (uint32_t i = 0; i < m->n_ops; i++) {
        cz_shape in[CZ_MAX_INPUTS];
        cz_shape *out = &all[cz_model_op_tensor(m, i)];
        cz_error inner = {0};
        gather(&m->ops[i], all, in);
        const int32_t status = cz_op_shape(m->ops[i].id, &m->ops[i].attr, in, out, &inner);
        if (status != COLORIZER_OK) return in_operator(m, i, status, &inner, err);
        total += cz_elements(out);
        if (total > CZ_MAX_TOTAL_ELEMENTS)
            return cz_fail(err, COLORIZER_E_MODEL, "operator %u: the tensors have more elements than the limit",
                           (unsigned)i);
    }
    return COLORIZER_OK;
}

/* ---------------------------------------------------------------- names */

static bool is_name(cz_text text, const char *name) {
    return text.size == strlen(name) && memcmp(text.data, name, text.size) == 0;
}

int32_t cz_model_find_input(const cz_model *m, const char *name) {
    for (uint32_t i = 0; i < m->n_inputs; i++)
        if (is_name(m->inputs[i].name, name)) return (int32_t)i;
    return -1;
}

int32_t cz_model_find_output(const cz_model *m, const char *name) {
    for (uint32_t i = 0; i < m->n_outputs; i++)
        if (is_name(m->outputs[i].name, name)) return (int32_t)i;
    return -1;
}

int32_t cz_model_find_constant(const cz_model *m, const char *name) {
    for (uint32_t i = 0; i < m->n_constants; i++)
        if (is_name(m->constant_names[i], name)) return (int32_t)i;
    return -1;
}

const cz_text *cz_model_find_metadata(const cz_model *m, const char *key) {
    for (uint32_t i = 0; i < m->n_metadata; i++)
        if (is_name(m->metadata[i].key, key)) return &m->metadata[i].value;
    return NULL;
}
