/* SPDX-License-Identifier: BSD-2-Clause
 * An error: a public status code and a detail text. */
#ifndef CZ_BASE_ERROR_H
#define CZ_BASE_ERROR_H

#include "base/base.h"

#define CZ_ERROR_TEXT 240

/** Where a failing function leaves its detail text. */
typedef struct cz_error {
    int32_t code;
    char text[CZ_ERROR_TEXT];
} cz_error;

/** Records a failure and returns `code`, so that `return cz_fail(err, ...)` reads well. Formats as snprintf does;
 *  only %d %u %s %zu %x and their kin are used, never %f, so the locale cannot show. `err` may be NULL. */
int32_t cz_fail(cz_error *err, int32_t code, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

#endif
