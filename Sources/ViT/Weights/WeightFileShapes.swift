import Tensors

/// Holds the shapes in a file against those of a model.
struct WeightFileShapes {
    private let file: TensorFile
    private let names: WeightNames

    init(file: TensorFile, names: WeightNames) {
        self.file = file
        self.names = names
    }

    /// The most channels of a token or of a hidden layer: far more than any network has, and few
    /// enough that products of two of them are no overflow, whatever a file says.
    private let limit = 1 << 20

    struct Cover {
        /// The names in the file by official name, of the model's tensors alone.
        var sources: [String: [String]]
        var leftOver: [String]
        var lacksAttentionBias: Bool
    }

    /// The shape that a tensor of an official name will have, parts joined by rows.
    private func shape(_ name: String) throws(WeightsError) -> Shape? {
        guard let parts = names.sources[name] else { return nil }
        var shapes: [Shape] = []
        for part in parts where !part.isEmpty {
            guard let shape = file.shape(of: part) else { throw .file(file.reasonAgainst(part)) }
            shapes.append(shape)
        }
        guard shapes.count == parts.count, let first = shapes.first else { return nil }
        guard shapes.count > 1 else { return first }
        for (part, shape) in zip(parts, shapes) where shape != first || shape.rank == 0 {
            throw misshapen(part, shape, "\(first), as \(parts[0])")
        }
        var dimensions = first.dimensions
        let (rows, overflow) = dimensions[0].multipliedReportingOverflow(by: shapes.count)
        dimensions[0] = rows
        guard !overflow, let joined = Shape(checking: dimensions) else { return nil }
        return joined
    }

    private func misshapen(_ name: String, _ found: Shape, _ expected: String) -> WeightsError {
        .shape(path: file.path, name: name, found: found, expected: expected)
    }

    private func required(_ name: String) throws(WeightsError) -> Shape {
        guard let shape = try shape(name) else {
            throw .notCovering(path: file.path, missing: [name], leftOver: [])
        }
        return shape
    }

    /// Reads the architecture off the shapes.
    ///
    /// - Parameters:
    ///   - heads: attention heads; nil where nothing tells, for width / 64.
    ///   - epsilon: of the layer norms; nil for DINO's.
    func configuration(
        heads: Int?, epsilon: Float?
    ) throws(WeightsError) -> VisionTransformer.Configuration {
        let token = try required("cls_token")
        guard token.rank == 3, token[0] == 1, token[1] == 1, (1...limit).contains(token[2])
        else {
            throw misshapen("cls_token", token, "1x1xWIDTH")
        }
        let width = token[2]
        let patch = try required("patch_embed.proj.weight")
        guard patch.rank == 4, patch[0] == width, patch[1] == 3, patch[2] == patch[3], patch[2] > 0
        else {
            throw misshapen(
                "patch_embed.proj.weight", patch,
                "\(width)x3xPATCHxPATCH, for square patches of RGB")
        }
        let positions = try required("pos_embed")
        let side = positions.rank == 3 ? squareRoot(positions[1] - 1) : nil
        guard let side, side > 0, positions[0] == 1, positions[2] == width else {
            throw misshapen(
                "pos_embed", positions, "1x(1 + SIDE*SIDE)x\(width), for a square grid of patches")
        }
        let blocks = Set(names.sources.keys.compactMap(blockIndex))
        guard !blocks.isEmpty else {
            throw .notCovering(path: file.path, missing: ["blocks.0.norm1.weight"], leftOver: [])
        }
        let hidden = try shape("blocks.0.mlp.fc1.weight") ?? [4 * width, width]
        guard hidden.rank == 2, (1...limit).contains(hidden[0]) else {
            throw misshapen("blocks.0.mlp.fc1.weight", hidden, "HIDDENx\(width)")
        }
        if heads == nil && width % 64 != 0 {
            throw .heads(path: file.path, width: width, heads: nil)
        }
        let heads = heads ?? width / 64
        guard heads > 0, width % heads == 0 else {
            throw .heads(path: file.path, width: width, heads: heads)
        }
        // Blocks are counted, not numbered, so that a number out of a file allocates nothing: with
        // a gap, what is behind it is left over, and what is in it is missing.
        var configuration = VisionTransformer.Configuration(
            width: width, depth: blocks.count, heads: heads, patchSize: patch[2],
            hiddenWidth: hidden[0], positionGrid: PatchGrid(rows: side, columns: side))
        if let epsilon { configuration.layerNormEpsilon = epsilon }
        return configuration
    }

    /// Checks that the file has every tensor of a model, in its shape, and no other but a head's.
    func checkCover(
        of configuration: VisionTransformer.Configuration
    ) throws(WeightsError) -> Cover {
        let expected = configuration.weightShapes
        let lacksBias = !names.sources.keys.contains { $0.hasSuffix(".attn.qkv.bias") }
        var cover = Cover(sources: [:], leftOver: [], lacksAttentionBias: lacksBias)
        var missing: [String] = []
        var elements = 0
        for (name, shape) in expected {
            if let parts = names.sources[name] {
                let absent = parts.enumerated().filter { $0.element.isEmpty }
                missing += absent.map { "\(["query", "key", "value"][$0.offset]) of \(name)" }
                guard absent.isEmpty else { continue }
                let found = try self.shape(name)
                guard found == shape else {
                    throw misshapen(name, found ?? [], "\(shape)")
                }
                cover.sources[name] = parts
                elements += shape.count
                try checkSize(elements)
            } else if !(lacksBias && name.hasSuffix(".attn.qkv.bias")) {
                missing.append(name)
            }
        }
        let unknown = names.sources.filter { cover.sources[$0.key] == nil && !isPartly($0.value) }
        let leftOver = names.leftOver + unknown.values.joined()
        cover.leftOver = leftOver.filter(isOfHead).sorted()
        let refused = leftOver.filter { !isOfHead($0) }.sorted()
        guard missing.isEmpty && refused.isEmpty else {
            throw .notCovering(path: file.path, missing: missing, leftOver: refused)
        }
        return cover
    }

    /// Tensors of a pickle may share a storage; memory has to stay in proportion to the file.
    private func checkSize(_ elements: Int) throws(WeightsError) {
        guard elements <= file.mostElements else {
            throw .file(
                .damaged(
                    path: file.path,
                    reason: "its tensors have \(elements) elements in \(file.byteCount) bytes"))
        }
    }

    private func isPartly(_ parts: [String]) -> Bool { parts.contains("") }

    private func isOfHead(_ name: String) -> Bool {
        let short = WeightNames.short(name.dropFirst(names.root.count))
        return short.split(separator: ".").first
            .map { ["head", "classifier", "pooler"].contains($0) } ?? false
    }
}

private func blockIndex(_ name: String) -> Int? {
    let parts = name.split(separator: ".", maxSplits: 2)
    guard parts.count == 3, parts[0] == "blocks" else { return nil }
    return Int(parts[1])
}

/// The root of a square number, nil of any other.
private func squareRoot(_ number: Int) -> Int? {
    guard number >= 0 else { return nil }
    let root = Int(Double(number).squareRoot().rounded())
    let (square, overflow) = root.multipliedReportingOverflow(by: root)
    return !overflow && square == number ? root : nil
}
