import Tensors

/// The least share of the multiply-add limit that each kernel must reach, by instruction set. A share below its floor
/// means that a change has made the kernel slower: other processes on the machine slow the kernel and the limit alike.
///
/// A floor is nine tenths of the share measured, rounded down: medians of runs on one machine differ by a few per cent.
/// Missing sets have not been measured.
struct Floors {
    /// The processor and the date of the measurement.
    let source: String
    /// Percent of the limit, by suite and name.
    let shares: [String: Double]

    static let all: [InstructionSet: Floors] = [
        .avx512Paired: Floors(
            source: "AMD EPYC, family 25, model 17, 2 threads, 2026-11-23",
            shares: [
                "product.785x384x192": 107,
                "product.785x1152x384": 114,
                "product.785x384x384": 110,
                "product.785x1536x384": 115,
                "product.785x384x1536": 100,
                "product.785x384x1536 bias GELU": 99,
                "product.3025x384x192": 108,
                "product.3025x1152x384": 115,
                "product.3025x384x384": 110,
                "product.3025x1536x384": 112,
                "product.3025x384x1536": 106,
                "product.3025x384x1536 bias GELU": 99,
                "product.3025x3025x384": 100,
                "product.3025x3025x6528": 98,
                "attention.785 tokens": 84,
                "attention.3026 tokens": 102,
            ]),
        .avx512PairedWide: Floors(
            source: "AMD EPYC, family 26, model 2, 2 threads, 2026-12-01",
            shares: [
                "product.785x384x192": 82,
                "product.785x1152x384": 90,
                "product.785x384x384": 84,
                "product.785x1536x384": 93,
                "product.785x384x1536": 89,
                "product.785x384x1536 bias GELU": 86,
                "product.3025x384x192": 91,
                "product.3025x1152x384": 102,
                "product.3025x384x384": 96,
                "product.3025x1536x384": 105,
                "product.3025x384x1536": 98,
                "product.3025x384x1536 bias GELU": 91,
                "product.3025x3025x384": 101,
                "product.3025x3025x6528": 79,
                "attention.785 tokens": 74,
                "attention.3026 tokens": 92,
            ]),
        .avx512: Floors(
            source: "AMD EPYC, family 26, model 2, 2 threads, 2026-11-29",
            shares: [
                "product.785x384x192": 76,
                "product.785x1152x384": 83,
                "product.785x384x384": 79,
                "product.785x1536x384": 83,
                "product.785x384x1536": 79,
                "product.785x384x1536 bias GELU": 75,
                "product.3025x384x192": 75,
                "product.3025x1152x384": 82,
                "product.3025x384x384": 80,
                "product.3025x1536x384": 82,
                "product.3025x384x1536": 81,
                "product.3025x384x1536 bias GELU": 79,
                "product.3025x3025x384": 82,
                "product.3025x3025x6528": 82,
                "attention.785 tokens": 73,
                "attention.3026 tokens": 77,
            ]),
        .avx2: Floors(
            source: "AMD EPYC, family 23, model 49, 2 threads, 2026-11-29",
            shares: [
                "product.785x384x192": 67,
                "product.785x1152x384": 74,
                "product.785x384x384": 69,
                "product.785x1536x384": 77,
                "product.785x384x1536": 73,
                "product.785x384x1536 bias GELU": 67,
                "product.3025x384x192": 71,
                "product.3025x1152x384": 80,
                "product.3025x384x384": 74,
                "product.3025x1536x384": 80,
                "product.3025x384x1536": 80,
                "product.3025x384x1536 bias GELU": 71,
                "product.3025x3025x384": 76,
                "product.3025x3025x6528": 75,
                "attention.785 tokens": 64,
                "attention.3026 tokens": 66,
            ]),
    ]
}
