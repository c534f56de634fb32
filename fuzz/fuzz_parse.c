/* SPDX-License-Identifier: BSD-2-Clause
 * Bytes, with sizes and checksums repaired -> verifier -> model -> shapes. Whatever they are, each step gives OK with a
 * view that can be read, or an error with a text; and so when they are read as a file is, block by block. */
#include "fuzz.h"

#include <stdlib.h>

static void check_status(int32_t status, const cz_error *err) {
    FUZZ_CHECK(status <= 0);
    FUZZ_CHECK(status == COLORIZER_OK || (err->code == status && err->text[0] != 0));
}

/** Reads all of a model: a sanitizer sees what lies outside the file. */
static void read_model(const cz_model *m) {
    float values[256];
    unsigned sum = 0;
    for (uint32_t i = 0; i < m->n_constants; i++) {
        const size_t n = cz_elements(&m->constants[i].shape), count = cz_min(n, CZ_COUNT(values));
        cz_constant_read(&m->constants[i], 0, count, values);
        cz_constant_read(&m->constants[i], n - count, count, values);
        for (size_t k = 0; k < count; k++) FUZZ_CHECK(values[k] - values[k] == 0);
    }
    for (uint32_t i = 0; i < m->n_ops; i++) {
        FUZZ_CHECK(cz_op_find(m->ops[i].id) != NULL);
        for (uint32_t k = 0; k < m->ops[i].name.size; k++) sum += (unsigned char)m->ops[i].name.data[k];
        for (int k = 0; k < CZ_MAX_INPUTS; k++)
            FUZZ_CHECK(m->ops[i].in[k] == CZ_NO_TENSOR || m->ops[i].in[k] < cz_model_op_tensor(m, i));
    }
    for (uint32_t i = 0; i < m->n_metadata; i++)
        for (uint32_t k = 0; k < m->metadata[i].value.size; k++) sum += (unsigned char)m->metadata[i].value.data[k];
    FUZZ_CHECK(cz_model_find_constant(m, "color.bins") < (int32_t)m->n_constants);
    FUZZ_CHECK(sum != 0xFFFFFFFFu); /* keeps the reads */
}

/** Shapes at a few multiples: all in their limits, or refused. */
static void check_shapes(const cz_model *m, const cz_alloc *a) {
    const size_t bytes = m->n_tensors * sizeof(cz_shape);
    cz_shape *all = cz_alloc_get(a, bytes);
    if (all == NULL) return;
    for (uint32_t times = 1; times <= 64; times *= 4) {
        cz_shape in[CZ_FILE_MAX_INPUTS];
        cz_error err = {0};
        for (uint32_t i = 0; i < m->n_inputs; i++) {
            const cz_input *row = &m->inputs[i];
            const bool chosen = row->dims[1] == 0;
            in[i] = (cz_shape){{1, chosen ? times * row->multiple : row->dims[1],
                                chosen ? (times + 1) * row->multiple : row->dims[2], row->dims[3]}};
        }
        const int32_t status = cz_model_shapes(m, in, all, &err);
        check_status(status, &err);
        for (uint32_t t = 0; status == COLORIZER_OK && t < m->n_tensors; t++)
            FUZZ_CHECK(cz_elements(&all[t]) >= 1 && cz_elements(&all[t]) <= CZ_MAX_ELEMENTS);
    }
    cz_alloc_put(a, all, bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const cz_alloc alloc = cz_alloc_make(NULL, NULL, NULL);
    unsigned char *bytes = fuzz_repair(data, size);
    cz_file file;
    cz_model *m = NULL;
    cz_error err = {0};
    int32_t status = cz_file_open(&file, bytes, size, &err);
    check_status(status, &err);
    if (status == COLORIZER_OK) {
        status = cz_model_make(&m, &file, &alloc, &err);
        check_status(status, &err);
    }
    const int32_t streamed = mb_open_streamed(bytes, size, &err);
    check_status(streamed, &err);
    FUZZ_CHECK(streamed == COLORIZER_E_MEMORY || (streamed == COLORIZER_OK) == (status == COLORIZER_OK));
    if (status == COLORIZER_OK) {
        read_model(m);
        check_shapes(m, &alloc);
        cz_model_free(m, &alloc);
    }
    free(bytes);
    return 0;
}
