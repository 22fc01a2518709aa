import Tensors

/// Files of tensors in every format: npy, safetensors, and both of PyTorch's.
struct TensorKind: Kind {
    let name = "tensors"
    let fileName = "tensors.pth"
    let seeds: [[UInt8]]

    init() throws {
        seeds = try Fixtures.files(
            in: "TensorsTests/Fixtures/Files", types: ["pth", "pt", "npy", "safetensors"])
    }

    func restructured(_ bytes: [UInt8], using random: inout Xoshiro256) -> [UInt8]? {
        TensorKind.restructured(bytes, using: &random)
    }

    /// Changes a file of tensors in any format.
    static func restructured(_ bytes: [UInt8], using random: inout Xoshiro256) -> [UInt8]? {
        if let torch = TorchMutations.mutated(bytes, using: &random) { return torch }
        if bytes.starts(with: [0x93]) { return nil }
        return SafetensorsFile.mutated(bytes, using: &random)
    }

    func use(_ path: String) throws {
        let file = try TensorFile(contentsOf: path)
        var failure: TensorFileError?
        for name in file.names {
            // A tensor that cannot be read must not prevent reading the next.
            do throws(TensorFileError) {
                _ = try file.tensor(named: name)
            } catch {
                failure = error
            }
        }
        if file.format == .npy { _ = try Tensor(npy: path) }
        if let failure { throw failure }
    }
}
