/* SPDX-License-Identifier: BSD-2-Clause
 * The built-in model, byte for byte, in read-only memory. CZ_MODEL_PATH is the quoted name of the file. */
#if defined(__APPLE__)
#define SYMBOL(name) _##name
.const_data
#define HIDE .private_extern
#else
#define SYMBOL(name) name
.section .rodata
#define HIDE .hidden
#endif
.globl SYMBOL(cz_builtin_begin)
.globl SYMBOL(cz_builtin_end)
HIDE SYMBOL(cz_builtin_begin)
HIDE SYMBOL(cz_builtin_end)
.balign 64
SYMBOL(cz_builtin_begin):
.incbin CZ_MODEL_PATH
SYMBOL(cz_builtin_end):
.byte 0
#if defined(__ELF__)
.section .note.GNU-stack,"",%progbits
#endif
