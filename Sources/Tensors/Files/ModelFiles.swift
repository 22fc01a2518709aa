import Platform

/// The files of a model stored as a folder: weights under the names that Hugging Face's `save_pretrained` gives them,
/// and JSON texts next to them.
package enum ModelFiles {
    /// In order of preference.
    static let weightNames = [
        "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
        "pytorch_model.bin.index.json",
    ]

    /// The JSON files that describe the weights.
    package static let textNames =
        weightNames.filter { Path.type(of: $0) == "json" } + ["config.json"]

    /// The path of the weight file in a folder.
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

    /// The bytes of a short text file; nil if there is no such file.
    ///
    /// - Parameter limit: the most bytes that the file may have.
    package static func text(
        at path: String, limit: Int
    ) throws(TensorFileError) -> [UInt8]? {
        FileSystem.kind(of: path) == nil ? nil : try bytes(at: path, limit: limit)
    }

    /// The bytes of a file that is read as a whole.
    ///
    /// - Parameter limit: the most bytes that the file may have.
    package static func bytes(at path: String, limit: Int) throws(TensorFileError) -> [UInt8] {
        let file = try RandomAccessFile(path: path)
        guard file.size <= limit else {
            throw file.unsupported("it has \(file.size) bytes; expected at most \(limit)")
        }
        return try file.bytes(at: 0, count: file.size)
    }
}
