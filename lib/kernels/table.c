/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernels/table.h"

const cz_kernel *const CZ_NAME(cz_kernel_table)[] = {
#define CZ_OP(id, name, required, optional, packed, attributes) [id] = &CZ_NAME(cz_kernel_##name),
#include "model/ops.def"
#undef CZ_OP
};
