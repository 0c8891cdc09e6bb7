/* FG_KERNEL before a function: one source, several instruction sets, of which the loader takes the best that the processor
 * has. For the few loops in which most of the time is spent; their last digits depend on the processor (fused
 * multiplication). Sanitized builds keep the portable version, because their runtime is not ready when the loader chooses. */
#ifndef FG_BASE_KERNEL_H
#define FG_BASE_KERNEL_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define FG_KERNEL __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define FG_KERNEL
#endif

#endif
