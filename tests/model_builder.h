/* SPDX-License-Identifier: BSD-2-Clause
 * Writes .czw models in memory, for tests: valid ones by these functions, broken ones by editing the bytes. */
#ifndef CZ_TESTS_MODEL_BUILDER_H
#define CZ_TESTS_MODEL_BUILDER_H

#include "model/model.h"

#define MB_INPUTS    8
#define MB_CONSTANTS 64
#define MB_OPS       64
#define MB_OUTPUTS   32
#define MB_METADATA  8

/** A tensor of a builder: its kind in the upper half, its index in the lower. CZ_NO_TENSOR stays what it is. */
typedef uint32_t mb_tensor;

typedef struct mb_constant_row {
    const char *name;
    uint32_t dtype, dims[4];
    unsigned char *block;
    size_t bytes;
} mb_constant_row;

typedef struct mb_op_row {
    const char *name;
    uint32_t id;
    mb_tensor in[CZ_MAX_INPUTS];
    cz_attr attr;
} mb_op_row;

/** Start with all zero. Names are kept as pointers: string literals. More rows than there is room for abort. */
typedef struct mb_model {
    uint32_t n_inputs, n_constants, n_ops, n_outputs, n_metadata;
    struct {
        const char *name;
        uint32_t multiple, dims[4];
    } inputs[MB_INPUTS];
    mb_constant_row constants[MB_CONSTANTS];
    mb_op_row ops[MB_OPS];
    struct {
        const char *name;
        mb_tensor tensor;
    } outputs[MB_OUTPUTS];
    struct {
        const char *key, *value;
    } metadata[MB_METADATA];
} mb_model;

mb_tensor mb_input(mb_model *m, const char *name, uint32_t multiple, uint32_t h, uint32_t w, uint32_t c);

/** A constant whose block (for CZ_I8 the scales, then the samples) is copied as it is. */
mb_tensor mb_block(mb_model *m, const char *name, uint32_t dtype, cz_shape shape, const void *block);
/** A constant of small pseudo-random values that depend on the shape and the constant's number only. */
mb_tensor mb_constant(mb_model *m, const char *name, uint32_t dtype, uint32_t n, uint32_t h, uint32_t w, uint32_t c);
/** An f32 vector [1,1,1,c] likewise. */
mb_tensor mb_vector(mb_model *m, const char *name, uint32_t c);

/** An operator; inputs past `count` are absent. */
mb_tensor mb_op(mb_model *m, const char *name, uint32_t id, const cz_attr *attr, const mb_tensor *in, uint32_t count);
/** The same with up to three inputs; CZ_NO_TENSOR where there is none. */
mb_tensor mb_op3(mb_model *m, uint32_t id, const cz_attr *attr, mb_tensor a, mb_tensor b, mb_tensor c);

void mb_output(mb_model *m, const char *name, mb_tensor tensor);
void mb_metadata(mb_model *m, const char *key, const char *value);

/** Plain attributes of an operator: 0 where allowed, else the least value; factors are 1, transpose's axes in order. */
cz_attr mb_attr(uint32_t id);

/** The file; *bytes_out is aligned to CZ_ALIGN, exactly *size long, and freed with free(). */
void mb_write(const mb_model *m, unsigned char **bytes_out, size_t *size);
/** Frees the constants' blocks. */
void mb_free(mb_model *m);

/** `size` bytes aligned to CZ_ALIGN with nothing after them, so that a sanitizer sees every byte read past them. */
unsigned char *mb_exact(size_t size);
/** Writes the checksums that the bytes, as far as they are a file, should have. */
void mb_seal(unsigned char *bytes, size_t size);

/** Opens the bytes as a file is opened, the head first and then the weights block by block, and frees all again. The
 * head lies in memory that ends where it does. @return the status; E_MEMORY where a block would have more than
 * MB_STREAMED bytes. */
#define MB_STREAMED (1u << 26)
int32_t mb_open_streamed(const unsigned char *bytes, size_t size, cz_error *err);

/** A model with every operator at least once, and constants of every type; it runs at any multiple of 8. */
void mb_every_operator(mb_model *m);

#endif
