/* SPDX-License-Identifier: BSD-2-Clause
 * The exported functions of colorizer_experimental.h: a graph by its tensors. */
#include <string.h>

#include <colorizer/colorizer_experimental.h>

#include "api.h"

int32_t colorizer_graph_open(colorizer **out, const char *model_path, const colorizer_options *options) {
    return cz_api_open(out, model_path, true, options);
}

int32_t colorizer_graph_open_memory(colorizer **out, const void *model, uint64_t model_size,
                                    const colorizer_options *options) {
    return cz_api_open_memory(out, model, model_size, true, options);
}

/* ---------------------------------------------------------------- checks */

/** Checks `count` structs of the caller's: their size, and that names end. */
static int32_t check_tensors(const colorizer_tensor *t, uint32_t count, const char *what, cz_error *err) {
    if (t == NULL && count > 0) return cz_fail(err, COLORIZER_E_ARGUMENT, "%s: is NULL", what);
    for (uint32_t i = 0; i < count; i++) {
        if (t[i].struct_size != sizeof *t)
            return cz_fail(err, COLORIZER_E_ARGUMENT, "%s[%u].struct_size: %u", what, i, t[i].struct_size);
        if (memchr(t[i].name, 0, sizeof t[i].name) == NULL)
            return cz_fail(err, COLORIZER_E_ARGUMENT, "%s[%u].name: does not end", what, i);
    }
    return COLORIZER_OK;
}

static int32_t check_data(const colorizer_tensor *t, const cz_shape *shape, const char *what, cz_error *err) {
    const size_t bytes = cz_elements(shape) * sizeof(float);
    if (t->data == NULL || (uintptr_t)t->data % sizeof(float) != 0 || t->size < bytes)
        return cz_fail(err, COLORIZER_E_BUFFER, "%s '%s': data must be %zu bytes, aligned to 4", what, t->name, bytes);
    return COLORIZER_OK;
}

/** The shape of one input, by what its record allows. */
static int32_t input_shape(const cz_input *record, const colorizer_tensor *t, cz_shape *shape, cz_error *err) {
    const bool free_size = record->dims[1] == 0;
    for (size_t k = 0; k < 4; k++) {
        const int32_t d = t->dims[k];
        const bool chosen = free_size && (k == 1 || k == 2);
        if (d < 1 || (size_t)d > CZ_MAX_ELEMENTS ||
            (chosen ? (uint32_t)d % record->multiple : (uint32_t)d != record->dims[k]))
            return cz_fail(err, COLORIZER_E_RANGE, "input '%s': dims[%zu] is %d", t->name, k, d);
        shape->d[k] = (uint32_t)d;
    }
    return COLORIZER_OK;
}

/** The shapes of all inputs, found by their names; sources[i] is the struct of input i. */
static int32_t input_shapes(const cz_model *m, const colorizer_tensor *inputs, uint32_t n, cz_shape *shapes,
                            const colorizer_tensor **sources, cz_error *err) {
    int32_t status = check_tensors(inputs, n, "inputs", err);
    if (status != COLORIZER_OK) return status;
    if (n != m->n_inputs)
        return cz_fail(err, COLORIZER_E_ARGUMENT, "n_inputs: %u, but the model has %u", n, m->n_inputs);
    for (uint32_t i = 0; i < n; i++) sources[i] = NULL;
    for (uint32_t i = 0; i < n; i++) {
        const int32_t k = cz_model_find_input(m, inputs[i].name);
        if (k < 0 || sources[k] != NULL)
            return cz_fail(err, COLORIZER_E_ARGUMENT, "inputs[%u]: '%s' is not an input, or given twice", i,
                           inputs[i].name);
        sources[k] = &inputs[i];
        status = input_shape(&m->inputs[k], &inputs[i], &shapes[k], err);
        if (status != COLORIZER_OK) return status;
    }
    return COLORIZER_OK;
}

/* ---------------------------------------------------------------- describing */

static void name_copy(char *out, cz_text name) {
    memcpy(out, name.data, name.size); /* the format's names have at most 255 bytes */
    out[name.size] = 0;
}

static int32_t describe_input(colorizer *c, uint32_t index, colorizer_tensor *tensor) {
    const cz_model *m = c->shared->model;
    if (tensor == NULL || tensor->struct_size != sizeof *tensor)
        return cz_fail(&c->error, COLORIZER_E_ARGUMENT, "tensor: is NULL, or its struct_size is wrong");
    if (index >= m->n_inputs)
        return cz_fail(&c->error, COLORIZER_E_RANGE, "index: %u, but the model has %u inputs", index, m->n_inputs);
    const cz_input *in = &m->inputs[index];
    for (size_t k = 0; k < 4; k++) tensor->dims[k] = (int32_t)in->dims[k];
    tensor->multiple = (int32_t)in->multiple;
    name_copy(tensor->name, in->name);
    return COLORIZER_OK;
}

int32_t colorizer_graph_input(colorizer *c, uint32_t index, colorizer_tensor *tensor) {
    const int32_t status = cz_api_enter(c);
    return status == COLORIZER_OK ? cz_api_leave(c, describe_input(c, index, tensor)) : status;
}

static int32_t describe_output(colorizer *c, const colorizer_tensor *inputs, uint32_t n_inputs, uint32_t index,
                               colorizer_tensor *tensor) {
    const cz_model *m = c->shared->model;
    const colorizer_tensor *sources[CZ_FILE_MAX_INPUTS];
    cz_shape shapes[CZ_FILE_MAX_INPUTS];
    if (tensor == NULL || tensor->struct_size != sizeof *tensor)
        return cz_fail(&c->error, COLORIZER_E_ARGUMENT, "tensor: is NULL, or its struct_size is wrong");
    if (index >= m->n_outputs)
        return cz_fail(&c->error, COLORIZER_E_RANGE, "index: %u, but the model has %u outputs", index, m->n_outputs);
    int32_t status = input_shapes(m, inputs, n_inputs, shapes, sources, &c->error);
    if (status == COLORIZER_OK) status = cz_handle_prepare_graph(c, shapes, &c->error);
    if (status != COLORIZER_OK) return status;
    const cz_output *out = &m->outputs[index];
    for (size_t k = 0; k < 4; k++) tensor->dims[k] = (int32_t)c->graph->shapes[out->tensor].d[k];
    tensor->multiple = 0;
    name_copy(tensor->name, out->name);
    return COLORIZER_OK;
}

int32_t colorizer_graph_output(colorizer *c, const colorizer_tensor *inputs, uint32_t n_inputs, uint32_t index,
                               colorizer_tensor *tensor) {
    const int32_t status = cz_api_enter(c);
    return status == COLORIZER_OK ? cz_api_leave(c, describe_output(c, inputs, n_inputs, index, tensor)) : status;
}

/* ---------------------------------------------------------------- running */

static int32_t check_outputs(colorizer *c, const colorizer_tensor *outputs, uint32_t n) {
    const cz_model *m = c->shared->model;
    for (uint32_t i = 0; i < n; i++) {
        const int32_t k = cz_model_find_output(m, outputs[i].name);
        if (k < 0)
            return cz_fail(&c->error, COLORIZER_E_ARGUMENT, "outputs[%u]: '%s' is not an output", i, outputs[i].name);
        const cz_shape *shape = &c->graph->shapes[m->outputs[k].tensor];
        for (size_t d = 0; d < 4; d++)
            if ((int64_t)outputs[i].dims[d] != (int64_t)shape->d[d])
                return cz_fail(&c->error, COLORIZER_E_RANGE, "output '%s': dims[%zu] is %d, not %u", outputs[i].name, d,
                               outputs[i].dims[d], shape->d[d]);
        const int32_t status = check_data(&outputs[i], shape, "output", &c->error);
        if (status != COLORIZER_OK) return status;
    }
    return COLORIZER_OK;
}

static int32_t run(colorizer *c, const colorizer_tensor *inputs, uint32_t n_inputs, const colorizer_tensor *outputs,
                   uint32_t n_outputs) {
    const cz_model *m = c->shared->model;
    const colorizer_tensor *sources[CZ_FILE_MAX_INPUTS];
    cz_shape shapes[CZ_FILE_MAX_INPUTS];
    int32_t status = input_shapes(m, inputs, n_inputs, shapes, sources, &c->error);
    if (status == COLORIZER_OK) status = check_tensors(outputs, n_outputs, "outputs", &c->error);
    if (status == COLORIZER_OK) status = cz_handle_prepare_graph(c, shapes, &c->error);
    for (uint32_t i = 0; status == COLORIZER_OK && i < n_inputs; i++)
        status = check_data(sources[i], &shapes[i], "input", &c->error);
    if (status == COLORIZER_OK) status = check_outputs(c, outputs, n_outputs);
    if (status != COLORIZER_OK) return status;

    const cz_plan *plan = c->graph;
    const cz_exec exec = cz_handle_exec(c);
    for (uint32_t i = 0; i < n_inputs; i++)
        memcpy(cz_plan_tensor(plan, c->graph_arena, i), sources[i]->data, cz_elements(&shapes[i]) * sizeof(float));
    if (!cz_run(plan, c->graph_arena, &exec, c->progress, c->progress_user))
        return cz_fail(&c->error, COLORIZER_E_CANCELLED, "the call was cancelled");
    for (uint32_t i = 0; i < n_outputs; i++) {
        const uint32_t tensor = m->outputs[cz_model_find_output(m, outputs[i].name)].tensor;
        memcpy(outputs[i].data, cz_plan_tensor(plan, c->graph_arena, tensor),
               cz_elements(&plan->shapes[tensor]) * sizeof(float));
    }
    return COLORIZER_OK;
}

int32_t colorizer_graph_run(colorizer *c, const colorizer_tensor *inputs, uint32_t n_inputs,
                            const colorizer_tensor *outputs, uint32_t n_outputs) {
    const int32_t status = cz_api_enter(c);
    if (status != COLORIZER_OK) return status;
    atomic_store(&c->cancel, 0);
    return cz_api_leave(c, run(c, inputs, n_inputs, outputs, n_outputs));
}
