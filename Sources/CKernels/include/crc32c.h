#ifndef INFLUENCEKIT_CRC32C_H
#define INFLUENCEKIT_CRC32C_H

// CRC-32C by the processor's own instruction, three streams at a time: one waits three cycles for itself.
// The register is not inverted here; a checksum is the inverse of the register that began with all ones.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Whether this processor has the instruction.
bool influence_has_crc32c(void);

/// The register after more bytes; only where the processor has the instruction.
uint32_t influence_crc32c(uint32_t state, const uint8_t *bytes, size_t count);

/// The register after `count` zeros more.
///
/// Since a register is linear in what it began with, that of A followed by B is the register of A after as many zeros as B has
/// bytes, xor the register of B begun with 0.
uint32_t influence_crc32c_after_zeros(uint32_t state, uint64_t count);

#endif
