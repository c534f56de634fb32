/* SPDX-License-Identifier: BSD-2-Clause
 * The kernels of the instruction set this file is compiled for, and their table. */
#ifndef CZ_KERNELS_TABLE_H
#define CZ_KERNELS_TABLE_H

#include "kernels/kernel.h"

#define CZ_OP(id, name, required, optional, packed, attributes) extern const cz_kernel CZ_NAME(cz_kernel_##name);
#include "model/ops.def"
#undef CZ_OP

/** Indexed by operator id. */
extern const cz_kernel *const CZ_NAME(cz_kernel_table)[];

#endif
