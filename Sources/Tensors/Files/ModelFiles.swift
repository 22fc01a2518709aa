import Platform

/// Where the files of a model lie that comes as a folder: its weights by the names that Hugging
/// Face's `save_pretrained` gives them, and texts beside them.
package enum ModelFiles {
    /// In the order of preference.
    static let weightNames = [
        "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
        "pytorch_model.bin.index.json",
    ]

    /// The texts that say how weights are meant.
    package static let textNames =
        weightNames.filter { Path.type(of: $0) == "json" } + ["config.json"]

    /// The file with the weights of a folder.
    static func weights(inFolder path: String) throws(TensorFileError) -> String {
        let files = weightNames.map { Path.joined(path, $0) }
        guard let file = files.first(where: { FileSystem.kind(of: $0) != nil }) else {
            throw .unsupported(
                path: path,
                reason: "it is a folder without weights; expected one of"
                    + " \(weightNames.joined(separator: ", ")) in it")
        }
        return file
    }

    /// The bytes of a short text, nil where there is no such file.
    ///
    /// - Parameter limit: the most bytes that are read.
    package static func text(
        at path: String, limit: Int
    ) throws(TensorFileError) -> [UInt8]? {
        guard FileSystem.kind(of: path) != nil else { return nil }
        let file = try RandomAccessFile(path: path)
        guard file.size <= limit else {
            throw file.unsupported("it has \(file.size) bytes; expected at most \(limit)")
        }
        return try file.bytes(at: 0, count: file.size)
    }
}
