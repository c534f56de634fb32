/* SPDX-License-Identifier: BSD-2-Clause
 * Version numbers of libcolorizer. meson.build reads this file: it is the one place they are written. */
#ifndef COLORIZER_VERSION_H
#define COLORIZER_VERSION_H

/** Version of the library: major.minor.patch. Until 1.0 a minor step may change the API, with its reason in NEWS.md. */
#define COLORIZER_VERSION_MAJOR 0
#define COLORIZER_VERSION_MINOR 1
#define COLORIZER_VERSION_PATCH 0

/** Version of the binary interface, and the soname: programs run with any library of the same ABI major.
 *  The minor number grows when something is added; the major when something is changed or taken away. */
#define COLORIZER_ABI_MAJOR 0
#define COLORIZER_ABI_MINOR 1

#endif
