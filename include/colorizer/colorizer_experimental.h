/* SPDX-License-Identifier: BSD-2-Clause
 *
 * libcolorizer, experimental: what may change or go in any version, without a new ABI number. Programs that use it
 * should be built together with the library.
 *
 * A graph by its tensors: runs any .czw model, a colorizer or not, on named f32 tensors.
 *
 *     colorizer *c = NULL;
 *     colorizer_tensor in = {.struct_size = sizeof in}, out = in;
 *     if (colorizer_graph_open(&c, "network.czw", NULL) == COLORIZER_OK &&
 *         colorizer_graph_input(c, 0, &in) == COLORIZER_OK) {
 *         in.dims[1] = in.dims[2] = 256; ... in.data, in.size
 *         colorizer_graph_output(c, &in, 1, 0, &out); ... out.data, out.size
 *         colorizer_graph_run(c, &in, 1, &out, 1);
 *     }
 *     colorizer_close(c);
 *
 * The handle is an ordinary one: colorizer_set_i(COLORIZER_KEY_THREADS), callbacks, colorizer_cancel(),
 * colorizer_clone(), colorizer_last_error() and colorizer_close() serve it, and the rules at the head of colorizer.h
 * hold: one call at a time on a handle, clones for other threads.
 */
#ifndef COLORIZER_COLORIZER_EXPERIMENTAL_H
#define COLORIZER_COLORIZER_EXPERIMENTAL_H

#include <colorizer/colorizer.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Room for a tensor's name: 255 bytes of UTF-8 and a NUL. */
#define COLORIZER_TENSOR_NAME 256

/** A tensor in the caller's memory: f32, native byte order, dense, N H W C with C fastest. */
typedef struct colorizer_tensor {
    uint32_t struct_size;             /**< sizeof(colorizer_tensor). */
    int32_t dims[4];                  /**< N, H, W, C, in elements. */
    int32_t multiple;                 /**< Of an input, filled in: H and W chosen at run time are multiples of it. */
    char name[COLORIZER_TENSOR_NAME]; /**< NUL-terminated. */
    float *data;                      /**< The values; not written in an input. */
    uint64_t size;                    /**< Bytes at data: 4 N H W C at least. */
} colorizer_tensor;

/** Opens a model of any inputs and outputs; otherwise as colorizer_open(). On a model that is not a colorizer
 *  colorizer_colorize() gives E_MODEL.
 *  @param model_path a .czw file, or NULL for the built-in model.
 *  @return as colorizer_open(). */
COLORIZER_API int32_t colorizer_graph_open(colorizer **out, const char *model_path, const colorizer_options *options);

/** The same with a model in memory, as colorizer_open_memory().
 *  @return as colorizer_open_memory(). */
COLORIZER_API int32_t colorizer_graph_open_memory(colorizer **out, const void *model, uint64_t model_size,
                                                  const colorizer_options *options);

/** Describes an input: name, dims (H and W both 0 where they are chosen at run time) and multiple. data and size are
 *  left as they are.
 *  @param tensor struct_size is set by the caller.
 *  @return OK, E_ARGUMENT, E_RANGE (there is no input `index`) or E_BUSY. */
COLORIZER_API int32_t colorizer_graph_input(colorizer *c, uint32_t index, colorizer_tensor *tensor);

/** Describes an output for inputs of the given dims: name and dims; multiple is 0, data and size are left as they are.
 *  Plans the graph for these sizes, so a following run of the same sizes only runs.
 *  @param inputs every input of the model once, in any order, found by name; data and size are not looked at.
 *  @param tensor struct_size is set by the caller.
 *  @return OK, E_ARGUMENT, E_RANGE (there is no output `index`, or an input's dims are not what the model allows),
 *          E_MODEL (the graph does not work out at these sizes), E_MEMORY, E_UNSUPPORTED (a static handle), E_BUSY. */
COLORIZER_API int32_t colorizer_graph_output(colorizer *c, const colorizer_tensor *inputs, uint32_t n_inputs,
                                             uint32_t index, colorizer_tensor *tensor);

/** Runs the graph. The plan and its memory are kept for the next call with the same sizes; they and those of
 *  colorizer_colorize() take each other's place. Any values may be given, not finite ones too. Progress is reported and
 *  cancellation heeded between operators. The same bits come out for every instruction set and number of threads.
 *  @param inputs every input of the model once, in any order, found by name.
 *  @param outputs any of the model's outputs, found by name, with the dims that colorizer_graph_output() tells. They
 *         may overlap inputs, which are read before anything is written, but not each other.
 *  @return as colorizer_graph_output(), or E_BUFFER (data is NULL or not aligned to 4 bytes, or size too small) or
 *          E_CANCELLED. On an error no output is written. */
COLORIZER_API int32_t colorizer_graph_run(colorizer *c, const colorizer_tensor *inputs, uint32_t n_inputs,
                                          const colorizer_tensor *outputs, uint32_t n_outputs);

#ifdef __cplusplus
}
#endif
#endif
