import Tensors

/// The quantised matrices of a weight file. Each is stored as integers, `blocks.0.attn.qkv.weight`, with the scale of each
/// row as float32, `blocks.0.attn.qkv.weight_scale`; the file's metadata gives the `precision`.
struct QuantizedNames {
    /// Of all quantised matrices; nil if the file has none.
    let precision: Precision?
    /// The names of the scales.
    let scales: Set<String>
    private let matrices: Set<String>

    /// The name of a matrix's scales.
    static func scale(of matrix: String) -> String { matrix + scaleSuffix }
    private static let scaleSuffix = "_scale"

    /// - Parameter text: the precision in the file's metadata.
    /// - Throws: `WeightsError.file` if the precision is unknown, or a matrix of integers does not have its type and
    ///   scales.
    init(_ file: TensorFile, _ text: String?) throws(WeightsError) {
        guard let text else {
            (precision, scales, matrices) = (nil, [], [])
            return
        }
        func damaged(_ reason: String) -> WeightsError {
            .file(.damaged(path: file.path, reason: reason))
        }
        guard let precision = Precision(rawValue: text), let bits = precision.integerBits else {
            throw damaged("its precision is \(text.prefix(40)); expected int16 or int8")
        }
        var matrices: Set<String> = []
        for name in file.names {
            guard let type = file.elementType(of: name), !type.isFloat else { continue }
            // Where most have 8 bits, some may have 16.
            guard type == .int16 || bits == 8 && type == .int8 else {
                throw damaged("\(name) has the type \(type.rawValue); expected \(text)")
            }
            let scale = Self.scale(of: name)
            guard let shape = file.shape(of: name), shape.rank == 2,
                file.shape(of: scale) == [shape[0]], file.elementType(of: scale) == .float32
            else {
                throw damaged("\(name) does not have a float32 scale for each row in \(scale)")
            }
            matrices.insert(name)
        }
        self.precision = precision
        self.matrices = matrices
        scales = Set(matrices.map(Self.scale))
    }

    /// Throws if a parameter other than a block's linear map consists of integers, or a linear map only in part.
    func check(_ sources: [String: [String?]], of file: TensorFile) throws(WeightsError) {
        for (parameter, parts) in sources {
            let count = parts.count(where: { $0.map(matrices.contains) ?? false })
            guard count > 0 else { continue }
            guard count == parts.count, parameter.hasPrefix("blocks."),
                parameter.hasSuffix(".weight")
            else {
                throw .file(
                    .unsupported(
                        path: file.path,
                        reason: "\(parameter) is stored as integers; expected floats"))
            }
        }
    }

    /// Whether the parts of a parameter are quantised.
    func has(_ parts: [String?]) -> Bool {
        parts.first.flatMap { $0.map(matrices.contains) } ?? false
    }
}
