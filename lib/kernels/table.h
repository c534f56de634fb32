/* SPDX-License-Identifier: BSD-2-Clause
 * The kernels by name: those that are compiled once, and those of the instruction set this file is compiled for. */
#ifndef CZ_KERNELS_TABLE_H
#define CZ_KERNELS_TABLE_H

#include "kernels/kernel.h"

#define CZ_OP(id, name, required, optional, packed, attributes) extern const cz_kernel cz_kernel_##name;
#include "model/ops.def"
#undef CZ_OP

#if defined(CZ_ISA)
#define CZ_OP(id, name, required, optional, packed, attributes) extern const cz_kernel CZ_NAME(cz_kernel_##name);
#include "model/ops.def"
#undef CZ_OP
#endif

#endif
