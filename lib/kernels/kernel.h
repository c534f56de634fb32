/* SPDX-License-Identifier: BSD-2-Clause
 * The shape of a kernel. A kernel sees shapes, attributes and pointers, never a model.
 *
 * A file over vec.h is compiled once for every instruction set, with CZ_ISA naming it; CZ_NAME(f) is then f_avx2, say.
 * What has no use for vectors (how work is cut, where it lies, copies) is compiled once for all: it finds the loops of
 * the set in cz_call.set. All sets give the same bits: one lane is one output, or a sum runs over the 16-lane tree of
 * vec.h; nothing in a result may depend on the instruction set, on where a range of units begins, or on the number of
 * threads. */
#ifndef CZ_KERNELS_KERNEL_H
#define CZ_KERNELS_KERNEL_H

#include "model/ops.h"

#define CZ_CAT_(a, b) a##_##b
#define CZ_CAT(a, b)  CZ_CAT_(a, b)
#define CZ_NAME(f)    CZ_CAT(f, CZ_ISA)

/** Output channels that lie side by side in packed weights: the lanes of vec.h. */
#define CZ_BLOCK ((size_t)16)

/** Asks for the cache line at p, which is to be read, or written, soon; changes nothing else, whatever p is. */
#if defined(__GNUC__)
#define CZ_PREFETCH(p)       __builtin_prefetch(p)
#define CZ_PREFETCH_WRITE(p) __builtin_prefetch(p, 1)
#else
#define CZ_PREFETCH(p)       ((void)(p))
#define CZ_PREFETCH_WRITE(p) ((void)(p))
#endif

/** The kernels of one instruction set and the loops that they share: set.h. */
typedef struct cz_set cz_set;

/** One operator at one input size: what a kernel knows. Constant once planned. */
typedef struct cz_call {
    const cz_set *set;
    const void *attr;           /* struct cz_attr_<name> */
    cz_shape in[CZ_MAX_INPUTS]; /* d[0] == 0: this optional input is absent */
    cz_shape out;
    /* Floats from one pixel of input 0, and of the result and its residual, to the next: the channels, or, where
     * plan/pixels.h says that the kernel knows of it, more. 0: the channels. */
    size_t in_step, out_step;
    bool padded; /* what lies between the channels of one pixel of the result and the next is its own, of any values */
    const cz_constant *weight; /* input 1 of an operator whose row says packed; valid in packed_size and pack */
    const void *packed;        /* what pack() wrote; valid in prepare and run */
    size_t units;              /* set by prepare: number of pieces of work, independent of each other */
    size_t scratch;            /* set by prepare: bytes each thread needs in run, aligned to CZ_ALIGN */
} cz_call;

/** The functions of one operator. Shapes have been checked against the operator's shape rule before any is called. */
typedef struct cz_kernel {
    /** Bytes of packed weights; depends on attributes and weight only, not on the input's size. NULL: packs none.
     *  false: does not fit size_t. */
    bool (*packed_size)(const cz_call *call, size_t *bytes);
    /** Writes the packed weights: f32, in the order run() reads them; `packed` is aligned to CZ_ALIGN and zeroed. */
    void (*pack)(const cz_call *call, void *packed);
    /** Sets call->units and call->scratch. false: does not fit size_t. */
    bool (*prepare)(cz_call *call);
    /** Computes units begin .. end - 1. in[i] is dense and aligned to at least 4 bytes, NULL where absent; `out`
     *  overlaps no input. u8 tensors come as pointers to float, too, of any alignment; CZ_U8_SLACK bytes after one may
     *  be read. Reads and writes nothing outside the tensors, the packed weights and the scratch. */
    void (*run)(const cz_call *call, const float *const *in, float *out, size_t begin, size_t end, void *scratch);
} cz_kernel;

static inline size_t cz_in_step(const cz_call *call) { return call->in_step ? call->in_step : call->in[0].d[3]; }
static inline size_t cz_out_step(const cz_call *call) { return call->out_step ? call->out_step : call->out.d[3]; }

/** The instruction set of a COLORIZER_CPU_ constant that cz_cpu_supported() says yes to. */
const cz_set *cz_set_of(int32_t cpu);

/** Its kernel of an operator. */
const cz_kernel *cz_kernel_of(const cz_set *set, uint32_t op);

#endif
