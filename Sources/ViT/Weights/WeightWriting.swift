import Foundation
import Platform
import Tensors

extension VisionTransformer {
    /// The parameters by official name, in the shapes of the official files. The elements are shared, not copied.
    public var tensors: [String: Tensor] {
        let shapes = configuration.parameterShapes
        return Dictionary(
            uniqueKeysWithValues: zip(parameters, shapes).map {
                ($1.name, $0.tensor.reshaped(to: $1.shape))
            })
    }

    /// The files that `write(to:naming:)` puts into a folder with Hugging Face's names.
    package static let filesOfHuggingFace = [weightsName, preprocessorName, configName]
    private static let weightsName = "model.safetensors"
    private static let preprocessorName = "preprocessor_config.json"
    private static let configName = "config.json"

    /// Writes the network to a safetensors file, with the properties that shapes do not determine in its metadata.
    /// Each file is written atomically.
    ///
    /// - Parameters:
    ///   - path: the file; with Hugging Face's names a folder, created if missing, for `model.safetensors`,
    ///     `config.json` and `preprocessor_config.json`.
    ///   - naming: the naming scheme of the tensors.
    ///   - elementType: float32, or float16 or bfloat16, to which parameters are rounded.
    ///   - metadata: further texts for the file's header; the package's own keys take precedence.
    /// - Throws: `TensorFileError.unwritable`; `outOfRange` if a parameter is too large for half precision;
    ///   `unsupported` if the tool has no such network.
    public func write(
        to path: String, naming: Naming = .official, elementType: ElementType = .float32,
        metadata: [String: String] = [:]
    ) throws(TensorFileError) {
        if naming != .official { try checkPositions(naming, path) }
        let own = WeightFile.metadata(for: configuration)
        var texts = own.merging(metadata) { own, _ in own }
        texts[WeightFile.precisionKey] = nil
        let tensors = tensors(naming: configuration.naming(naming))
        guard naming == .huggingFace else {
            return try Safetensors.write(tensors, metadata: texts, as: elementType, to: path)
        }
        let config = try ModelConfig(configuration, writing: path)
        do {
            try FileSystem.makeFolder(path)
        } catch {
            throw .unwritable(path: path, reason: "\(error)")
        }
        try Safetensors.write(
            tensors, metadata: texts, as: elementType,
            to: Path.joined(path, Self.weightsName))
        let normalization = configuration.normalization
        try write(
            PreprocessorConfig(
                imageProcessorType: "BitImageProcessor", imageMean: normalization.mean,
                imageStd: normalization.standardDeviation),
            to: Path.joined(path, Self.preprocessorName))
        try write(config, to: Path.joined(path, Self.configName))
    }

    /// Writes a network that is prepared for integers (``prepared(for:)``) to a safetensors file with official names: the
    /// integers and scales of its linear maps, everything else as float32. The file is written atomically.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - metadata: further texts for the file's header; the package's own keys take precedence.
    /// - Throws: `TensorFileError.unwritable`.
    /// - Precondition: ``precision`` is not float32.
    public func writeIntegers(
        to path: String, metadata: [String: String] = [:]
    ) throws(TensorFileError) {
        guard precision != .float32 else {
            fail("writeIntegers: a network that is not prepared for integers")
        }
        var own = WeightFile.metadata(for: configuration)
        own[WeightFile.precisionKey] = precision.rawValue
        let naming = configuration.naming(.official)
        var tensors: [String: (tensor: Tensor, type: ElementType)] =
            tensors(naming: naming).mapValues { ($0, .float32) }
        for (index, block) in blocks.enumerated() {
            for (name, layer) in block.linearMaps {
                guard let weights = layer.quantized else { continue }
                let parts = naming.parts(of: "blocks.\(index).\(name).weight")
                let rows = weights.rows / parts.count
                for (place, part) in parts.enumerated() {
                    guard let part else { continue }
                    let range = place * rows..<(place + 1) * rows
                    tensors[part] = (
                        weights.integers.rows(range), weights.bits == 8 ? .int8 : .int16
                    )
                    tensors[QuantizedNames.scale(of: part)] = (
                        weights.scales.rows(range), .float32
                    )
                }
            }
        }
        try Safetensors.write(
            tensors, metadata: own.merging(metadata) { own, _ in own }, to: path)
    }

    /// Throws if networks of timm or transformers cannot have these positions.
    private func checkPositions(_ naming: Naming, _ path: String) throws(TensorFileError) {
        func unsupported(_ reason: String) -> TensorFileError {
            .unsupported(path: path, reason: reason)
        }
        switch configuration.positions {
        case .learnt(let grid) where grid.rows != grid.columns:
            throw unsupported(
                "\(naming.title) has square position grids, not \(grid.rows)x\(grid.columns)")
        case .learnt: break
        case .rotary(let periods):
            guard let base = RotaryPositions(periods: periods).base else {
                throw unsupported("\(naming.title) has rotary periods that are powers of one base")
            }
            if naming == .timm && base != 100 {
                throw unsupported("\(naming.title) has rotary periods of base 100, not \(base)")
            }
        }
    }

    private func write(_ value: some Encodable, to path: String) throws(TensorFileError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        guard let json = try? encoder.encode(value) else {
            fail("write: \(value) cannot be encoded as JSON")
        }
        do {
            try ReplacingFile.write(to: path) { file throws(SystemError) in
                try file.write(json + Data("\n".utf8))
            }
        } catch {
            throw .unwritable(path: path, reason: "\(error)")
        }
    }

    /// The tensors of a file, named by a scheme.
    private func tensors(naming: WeightNaming) -> [String: Tensor] {
        var tensors = tensors
        let width = configuration.width
        if naming.naming == .timm, registers != nil, let codes = tensors["pos_embed"] {
            // timm adds the class token's code to the token itself.
            let rows = codes.reshaped(to: [codes.shape[1], width])
            tensors["cls_token"] = (classToken + rows.rows(0..<1)).reshaped(to: [1, 1, width])
            tensors["pos_embed"] = rows.rows(1..<codes.shape[1])
                .reshaped(to: [1, codes.shape[1] - 1, width])
        }
        if naming.naming == .huggingFace, naming.family != .dino, !configuration.hasLayerScale {
            // transformers has no such networks without layer scale.
            for block in 0..<configuration.depth {
                for scale in ["ls1", "ls2"] {
                    tensors["blocks.\(block).\(scale).gamma"] = Tensor(
                        repeating: 1, shape: [width])
                }
            }
        }
        var result: [String: Tensor] = [:]
        if naming.maskToken(width: width) == nil && naming.naming != .official {
            // Files of this kind have no mask token.
            tensors[Self.maskTokenName] = nil
        }
        for (name, tensor) in tensors {
            let parts = naming.parts(of: name)
            let isBias = name.hasSuffix(".attn.qkv.bias")
            if parts.count == 1, let part = parts[0] {
                result[part] = tensor
                if isBias, naming.naming == .official, !configuration.hasKeyBias {
                    result[part + "_mask"] = Tensor(
                        (0..<3 * width).map { $0 / width == 1 ? 0 : 1 }, shape: [3 * width])
                }
                continue
            }
            let rows = tensor.shape[0] / parts.count
            for (place, part) in parts.enumerated() {
                guard let part, !(isBias && place == 1 && !configuration.hasKeyBias) else {
                    continue
                }
                result[part] = tensor.rows(place * rows..<(place + 1) * rows)
            }
        }
        if let name = naming.periods, case .rotary(let periods) = configuration.positions {
            result[name] = Tensor(periods, shape: [periods.count])
        }
        if let (name, shape) = naming.maskToken(width: width) {
            // Used only by training with masks, but required by the tools.
            let own = tensors[Self.maskTokenName] ?? Tensor(repeating: 0, shape: shape)
            result[name] = own.reshaped(to: shape)
        }
        return result
    }
}
