/* SPDX-License-Identifier: BSD-2-Clause */
#include "image/pipeline.h"

static uint32_t find_output(const cz_model *m, const char *name) {
    const int32_t i = cz_model_find_output(m, name);
    return i < 0 ? CZ_NO_TENSOR : m->outputs[i].tensor;
}

/** An f32 constant of shape {1, 1, rows, columns}; a dimension given as 0 may be any and is told. */
static int32_t find_constant(const cz_model *m, const char *name, size_t *rows, size_t *columns, const float **values,
                             cz_error *err) {
    const int32_t i = cz_model_find_constant(m, name);
    if (i < 0) return cz_fail(err, COLORIZER_E_MODEL, "the model has no constant '%s': not a colorizer", name);
    const cz_constant *c = &m->constants[i];
    if (c->dtype != CZ_F32 || c->shape.d[0] != 1 || c->shape.d[1] != 1 || (*rows != 0 && c->shape.d[2] != *rows) ||
        (*columns != 0 && c->shape.d[3] != *columns))
        return cz_fail(err, COLORIZER_E_MODEL,
                       "constant '%s' has rows of %u values; this version reads f32, rows of %zu", name, c->shape.d[3],
                       *columns);
    *rows = c->shape.d[2];
    *columns = c->shape.d[3];
    *values = c->data;
    return COLORIZER_OK;
}

static int32_t check_vividness(const cz_network *n, cz_error *err) {
    for (size_t i = 0; i < n->vividness_rows; i++) {
        const float *row = n->vividness + 2 * i;
        if (!(row[1] >= 0.0f && row[1] <= 10.0f) || !(i == 0 ? row[0] == 0.0f : row[0] > row[-2]))
            return cz_fail(err, COLORIZER_E_MODEL, "color.vividness: row %zu is out of order or range", i);
    }
    return COLORIZER_OK;
}

/** short side, multiple and vividness the model was made for; all come from a file. */
static int32_t read_defaults(cz_network *n, const float *values, cz_error *err) {
    if (!(values[0] >= 32 && values[0] <= 1024) || !(values[1] >= CZ_CELL && values[1] <= 1024) ||
        !(values[2] >= 0 && values[2] <= 2))
        return cz_fail(err, COLORIZER_E_MODEL, "color.default: a value is out of range");
    n->short_side = (uint32_t)values[0];
    n->multiple = (uint32_t)values[1];
    n->default_vividness = values[2];
    if ((float)n->short_side != values[0] || (float)n->multiple != values[1] || n->multiple % CZ_CELL != 0 ||
        n->multiple % n->model->inputs[0].multiple != 0)
        return cz_fail(err, COLORIZER_E_MODEL, "color.default: sizes are not whole multiples");
    return COLORIZER_OK;
}

int32_t cz_network_make(cz_network *n, const cz_model *model, cz_error *err) {
    *n = (cz_network){.model = model};
    size_t rows = 0, one = 1, two = 2, columns = 3;
    const float *defaults = NULL;
    if (model->n_inputs != 1 || cz_model_find_input(model, "image") != 0 ||
        model->inputs[0].dims[3] != CZ_INPUT_CHANNELS || model->inputs[0].dims[1] != 0)
        return cz_fail(err, COLORIZER_E_MODEL, "the model's input is not one 'image' of 4 channels: not a colorizer");
    n->logits = find_output(model, "logits");
    n->residual = find_output(model, "residual");
    if (n->logits == CZ_NO_TENSOR || n->logits == n->residual) /* which is read when the logits are shares */
        return cz_fail(err, COLORIZER_E_MODEL, "the model has no output 'logits' of its own: not a colorizer");
    int32_t status = find_constant(model, "color.bins", &rows, &two, &n->centers, err);
    if (status != COLORIZER_OK) return status;
    n->bins = rows;
    if (n->bins < 2 || n->bins > CZ_COLOR_MAX_BINS)
        return cz_fail(err, COLORIZER_E_MODEL, "color.bins: %zu bins", n->bins);
    status = find_constant(model, "color.log_weight", &one, &n->bins, &n->log_weight, err);
    if (status == COLORIZER_OK)
        status = find_constant(model, "color.vividness", &n->vividness_rows, &two, &n->vividness, err);
    if (status == COLORIZER_OK) status = find_constant(model, "color.default", &one, &columns, &defaults, err);
    if (status == COLORIZER_OK) status = check_vividness(n, err);
    return status == COLORIZER_OK ? read_defaults(n, defaults, err) : status;
}
